"""What happens when nobody answers: who has claimed an incident, and to whom it escalates. Pure decisions."""
