"""What is late or unanswered: how baselines stand, who claimed an incident, to whom it climbs. Pure decisions."""
