"""The built-in job types, one file each."""
