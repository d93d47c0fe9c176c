"""Apache Kafka: the bus of a split installation."""
