"""Everything that makes a browser connect somewhere, aimed at a canary."""

from collections.abc import Iterator

HOSTS = (
    *("127.0.0.1", "localhost", "0.0.0.0", "2130706433", "0x7f000001", "017700000001", "127.1"),  # noqa: S104 - an address to be tried
    *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]"),
    *("[2002:7f00:1::]", "127.0.0.1.", "a.localhost", "canary.test", "[::]"),
)
"""Ways to write this machine's address; `canary.test` is a name that has it."""

CHECKED = "load"
"""The path of a request that shows that the canary can be hit at all."""


def markup(canary: str, relay: str, port: int) -> str:
    """HTML and CSS that need no script.

    Args:
        canary: origin of the canary, e.g. `http://127.0.0.1:4711`.
        relay: origin of an allowed host that redirects `/to?…` there.
        port: of the canary.
    """
    hosts = "".join(f"<img src='http://{host}:{port}/host-{n}'>" for n, host in enumerate(HOSTS))
    to = f"{relay}/to?{canary}"
    unc = f"\\\\127.0.0.1@{port}\\unc"
    return f"""<!doctype html><html manifest='{canary}/appcache'><head>
    <meta charset=utf-8><base target=_self>
    <link rel=stylesheet href='{canary}/link'><link rel=stylesheet href='{to}/redirect-css'>
    <link rel=prefetch href='{canary}/prefetch'><link rel=prefetch href='{to}/redirect-prefetch'>
    <link rel=preload as=image href='{canary}/preload'><link rel=preconnect href='{canary}'>
    <link rel=dns-prefetch href='//dns-prefetch.test'><link rel=modulepreload href='{canary}/mod'>
    <link rel=icon href='{canary}/icon'><link rel=manifest href='{canary}/manifest'>
    <link rel=prerender href='{canary}/prerender'><link rel=next href='{canary}/next'>
    <link rel=apple-touch-icon href='{canary}/touch'><link rel=pingback href='{canary}/pingback'>
    <link rel=preconnect href='https://127.0.0.1:{port}'><link rel=search href='{canary}/search'>
    <script type=speculationrules>{{"prefetch": [{{"source": "list", "eagerness": "immediate",
    "urls": ["{canary}/rules-prefetch", "{to}/rules-redirect"]}}], "prerender": [{{"source":
    "list", "eagerness": "immediate", "urls": ["{canary}/rules-prerender"]}}]}}</script>
    <style>@import '{canary}/import'; @import url({to}/redirect-import);
    @font-face {{ font-family: f; src: url({canary}/font) }}
    @font-face {{ font-family: g; src: url({to}/redirect-font) }}
    p {{ font-family: f, g; background: url({canary}/background); border-image: url({canary}/bi) 1;
    cursor: url({canary}/cursor), auto; mask: url({canary}/mask); filter: url({canary}/fl#a) }}
    li {{ list-style-image: url({canary}/li) }} p::after {{ content: url({canary}/after) }}
    p::before {{ content: image-set('{canary}/image-set' 1x) }}
    @page {{ background: url({canary}/page) }}</style></head>
    <body background='{canary}/body'><p>text<li>item {hosts}
    <img src='{canary}/{CHECKED}'><img src='{to}/redirect-img'><img srcset='{canary}/srcset 2x'>
    <img src='http://rebind.test:{port}/rebind'><img src='https://127.0.0.1:{port}/tls'>
    <img src='//127.0.0.1:{port}/schemeless'><img src='{unc}'><img src='file:{unc}'>
    <img src='ftp://127.0.0.1:{port}/ftp'><img src='filesystem:{canary}/fs'>
    <picture><source srcset='{canary}/picture'><img></picture>
    <input type=image src='{canary}/input'><table background='{canary}/table'></table>
    <video src='{canary}/video' poster='{canary}/poster' autoplay preload=auto></video>
    <video autoplay><source src='{to}/redirect-video'><track src='{canary}/track' default></video>
    <audio src='{canary}/audio' autoplay preload=auto></audio>
    <iframe src='{canary}/iframe'></iframe><iframe src='{to}/redirect-iframe'></iframe>
    <iframe srcdoc="<img src='{canary}/srcdoc'><link rel=stylesheet href='{canary}/srcdoc-css'>">
    </iframe><iframe src='view-source:{canary}/view-source'></iframe>
    <iframe src='data:text/html,<img src={canary}/data-iframe>'></iframe>
    <iframe src='file://127.0.0.1/etc/passwd'></iframe><iframe src='blob:{canary}/b'></iframe>
    <object data='{canary}/object'></object><embed src='{canary}/embed'>
    <object data='{to}/redirect-object'></object><applet code='{canary}/applet'></applet>
    <svg><image href='{canary}/svg'/><use href='{canary}/use#a'/><feImage href='{canary}/fe'/>
    <a href='{canary}/svg-a'><text>x</text></a></svg>
    <math><mtext href='{canary}/math'>x</mtext></math>
    <form id=form method=post action='{canary}/form'><input name=a></form>
    <a id=ping href='#x' ping='{canary}/ping'>a</a><a id=popup target=_blank href='{canary}/a'>b</a>
    <noscript><img src='{canary}/noscript'></noscript>
    <portal src='{canary}/portal'></portal><fencedframe src='{canary}/fenced'></fencedframe>
    """


AT_ONCE = 5
"""Steps of one document: with all of them in one, Chromium gets to the last ones late or never."""


def scripts(canary: str, relay: str, port: int) -> Iterator[str]:
    """Documents that try by script what markup cannot, each step whatever the others do."""
    socket = canary.replace("http", "ws")
    to = f"{relay}/to?{canary}"
    worker = f"""fetch('{canary}/worker').catch(() => 0);
        try {{ importScripts('{canary}/import-scripts') }} catch (e) {{}}
        try {{ new WebSocket('{socket}/worker-socket') }} catch (e) {{}}
        try {{ navigator.sendBeacon('{canary}/worker-beacon') }} catch (e) {{}}"""
    elements = f"""<!doctype html>
        <form id=form method=post action='{canary}/form'><input name=a></form>
        <a id=ping href='#x' ping='{canary}/ping'>a</a>
        <a id=popup target=_blank href='{canary}/popup'>b</a>"""
    late = "document.head.append(Object.assign(document.createElement"
    ice = (
        f"[{{urls: ['stun:127.0.0.1:{port}', 'stun:canary.test:{port}']}},"
        f" {{urls: ['turn:127.0.0.1:{port}', 'turn:127.0.0.1:{port}?transport=tcp'],"
        f" username: 'a', credential: 'b'}}]"
    )
    steps = [
        f"fetch('{canary}/fetch', {{mode: 'no-cors'}})",
        f"fetch('{to}/redirect-fetch', {{mode: 'no-cors'}})",
        f"fetch('{canary}/keepalive', {{mode: 'no-cors', keepalive: true, method: 'POST'}})",
        f"x = new XMLHttpRequest(); x.open('GET', '{canary}/xhr'); x.send()",
        f"navigator.sendBeacon('{canary}/beacon', 'x')",
        f"new WebSocket('{socket}/socket')",
        f"new WebSocket('{socket.replace('ws:', 'wss:')}/tls-socket')",
        f"new EventSource('{canary}/events')",
        f"new Worker(URL.createObjectURL(new Blob([`{worker}`])))",
        f"new SharedWorker(URL.createObjectURL(new Blob([`{worker}`])))",
        f"navigator.serviceWorker.register('{canary}/service-worker')",
        f"import('{canary}/dynamic-import')",
        f"new Image().src = '{canary}/image'",
        f"new Audio('{canary}/new-audio').play()",
        f"window.open('{canary}/window-open')",
        f"window.open('view-source:{canary}/window-source')",
        "window.open('file:///etc/passwd')",
        "document.getElementById('ping').click()",
        "document.getElementById('popup').click()",
        "f = document.createElement('iframe'), f.name = 'target', document.body.append(f)",
        "g = document.getElementById('form'), g.target = 'target', g.submit()",
        f"new FontFace('h', 'url({canary}/font-face)').load()",
        f"{late}('link'), {{rel: 'prefetch', href: '{canary}/late-prefetch'}}))",
        f"{late}('script'), {{src: '{canary}/late-script'}}))",
        (
            f"c = new RTCPeerConnection({{iceServers: {ice}}}); c.createDataChannel('x');"
            " c.createOffer().then(o => c.setLocalDescription(o))"
        ),
        f"new WebTransport('https://127.0.0.1:{port}/quic')",
        f"fetch('https://127.0.0.1:{port}/tls-fetch')",
        f"new Worklet('{canary}/worklet')",
        f"CSS.paintWorklet.addModule('{canary}/paint')",
        f"new AudioContext().audioWorklet.addModule('{canary}/audio-worklet')",
        f"new ReportingObserver(() => 0); fetch('{canary}/report')",
        f"navigator.registerProtocolHandler('web+x', '{canary}/%s')",
        f"caches.open('x').then(c => c.add('{canary}/cache'))",
        f"fetch('http://rebind.test:{port}/rebind-fetch', {{mode: 'no-cors'}})",
        f"document.domain = 'job.invalid'; fetch('{canary}/domain', {{mode: 'no-cors'}})",
    ]
    for start in range(0, len(steps), AT_ONCE):
        tries = "".join(f"try {{ {step} }} catch (e) {{}}\n" for step in steps[start:][:AT_ONCE])
        yield f"{elements}<script>{tries}</script>"


def leading_away(canary: str, relay: str) -> Iterator[str]:
    """Documents that leave by themselves, each on its own."""
    for target in (canary, f"{relay}/to?{canary}"):
        yield f"<meta http-equiv=refresh content='0;url={target}/refresh'>"
        yield f"<script>location = '{target}/location'</script>"
        yield f"<form action='{target}/submit'></form><script>document.forms[0].submit()</script>"
        yield f"<frameset cols='*,*'><frame src='{target}/frame'><frame src=x></frameset>"
        yield f"<base href='{target}/'><img src=base><link rel=stylesheet href=base-css>"
