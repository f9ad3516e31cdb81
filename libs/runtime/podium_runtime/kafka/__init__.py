"""What every host needs to speak to Kafka: connections, topics, dead letters."""
