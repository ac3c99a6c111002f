"""What is done to a PDF after it is printed, in a process of its own."""
