"""All Redis: keys, connections, scripts. Nothing else imports redis."""
