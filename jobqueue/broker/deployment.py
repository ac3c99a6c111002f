"""The name of one namespace of one Redis, which tells its objects in a storage from others'.

Two programs may use one bucket or folder with different Redis servers, as two environments or
two days of development do. What one of them does not find in its Redis may be the other's, so
each keeps what belongs to its jobs under a name of its own.
"""

import secrets

from jobqueue.broker.commands import Commands
from jobqueue.broker.keys import Keys
from jobqueue.broker.resend import resend


async def deployment_of(channel: Commands, keys: Keys) -> str:
    """The name, which is made when it is first asked for.

    A Redis that came back empty gets another one: what its lost jobs have stored is left alone.
    """
    key = keys.deployment
    # read first: a Redis that is full refuses the write
    while (name := await resend(lambda: channel.execute("GET", key))) is None:
        await resend(lambda: channel.execute("SET", key, secrets.token_hex(8), "NX"))
    return str(name.decode())
