"""What replicas of a gateway tell each other by a storage that they share: what each has counted."""
