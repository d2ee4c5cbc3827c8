"""What several streamr share by way of a Valkey or Redis, which may die at any time."""
