/// A module that brings kernels of its own: no change of Fovea's.
module example.kernels {
  requires dev.fovea.models;
  provides dev.fovea.kernels.KernelService with example.kernels.Counting, example.kernels.Unavailable;
}
