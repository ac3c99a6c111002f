"""How users' functions are called: in the loop, in a thread or in a process, and with what."""
