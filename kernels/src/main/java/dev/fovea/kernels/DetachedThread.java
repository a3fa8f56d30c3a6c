package dev.fovea.kernels;

/// Daemon threads that keep nothing of the thread that starts them, which may be an application's and end much earlier: neither its
/// context class loader nor its inheritable thread locals.
final class DetachedThread {
  private DetachedThread() {}

  /// @throws OutOfMemoryError if there is no thread to be had
  static Thread start(String name, Runnable step) {
    var thread = Thread.ofPlatform().name(name).daemon().inheritInheritableThreadLocals(false).unstarted(step);
    thread.setContextClassLoader(DetachedThread.class.getClassLoader());
    thread.start();
    return thread;
  }
}
