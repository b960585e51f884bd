"""Between the HTTP server and the application: who is let in, who waits, who is told to come back."""
