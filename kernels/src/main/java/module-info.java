/// The operations of a vision transformer on raw native memory, and the providers that perform them.
///
/// Start at [dev.fovea.kernels.Kernels].
module dev.fovea.kernels {
  requires static org.jetbrains.annotations;
  requires jdk.incubator.vector;

  exports dev.fovea.kernels;

  uses dev.fovea.kernels.KernelService;
}
