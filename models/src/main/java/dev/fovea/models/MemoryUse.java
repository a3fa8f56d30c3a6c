package dev.fovea.models;

/// The native memory that an open model holds at a moment. After the model is closed and its last call has ended, all is 0.
///
/// Not included are small weights that are copied, the kernels' scratch memory, and the inputs of running calls.
///
/// @param weightBytes size of the model file: memory of this process if it is loaded, the system's page cache if it is mapped
/// @param workspaceBytes size of all workspaces, idle and busy
/// @param idleWorkspaces number of workspaces kept for the next calls
/// @param busyWorkspaces number of workspaces in use by running calls
/// @param constantBytes size of cached tensors that depend on weights and sizes only
/// @param sessionBytes what open sessions keep between calls, such as the embedding of a picture
/// @param sessions number of open sessions
public record MemoryUse(long weightBytes, long workspaceBytes, int idleWorkspaces, int busyWorkspaces, long constantBytes,
    long sessionBytes, int sessions) {
  /// The sum of all bytes.
  public long bytes() {
    return weightBytes + workspaceBytes + constantBytes + sessionBytes;
  }

  /// One line for a log, such as `396.5 MiB: weights 330.3 MiB, workspaces 65.2 MiB (1 idle, 2 busy), constants 1.0 MiB, sessions
  /// 0.0 MiB (0 open)`.
  @Override
  public String toString() {
    return size(bytes()) + ": weights " + size(weightBytes) + ", workspaces " + size(workspaceBytes) + " (" + idleWorkspaces
        + " idle, " + busyWorkspaces + " busy), constants " + size(constantBytes) + ", sessions " + size(sessionBytes) + " ("
        + sessions + " open)";
  }

  private static String size(long bytes) {
    long tenths = Math.round(bytes / (double) (1 << 20) * 10);
    return tenths / 10 + "." + tenths % 10 + " MiB";
  }
}
