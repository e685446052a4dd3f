"""Who is notified of what, how urgently, and when not: the rules that a site writes in one YAML file."""
