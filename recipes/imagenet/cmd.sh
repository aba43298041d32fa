# The words before `audionas search` and `audionas train`. Empty: one process, here, at once.
# All GPUs of this machine:    train_cmd="torchrun --nproc-per-node gpu -m"
# A cluster that submits:      train_cmd="srun --cpus-per-task=4"
train_cmd=${train_cmd:-}
