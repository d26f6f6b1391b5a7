"""What runs inside the jail: the agent, its spawners and the launcher. Standard library only."""
