# How a command is run: here, at once. On a cluster, set train_cmd to its submitting command,
# for example: train_cmd="srun --cpus-per-task=4".
train_cmd=${train_cmd:-}
