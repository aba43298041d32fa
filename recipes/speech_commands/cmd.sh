# How a search or training is started: here, at once. On a cluster, set train_cmd to the submit command,
# for example: train_cmd="srun --cpus-per-task=4".
train_cmd=${train_cmd:-}
