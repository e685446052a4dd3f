"""What is late or unanswered: how baselines stand, who has claimed an incident, how it escalates. Pure decisions."""
