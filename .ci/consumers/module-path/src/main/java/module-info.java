/// A program that depends on the installed models.
module example {
  requires dev.fovea.models;
}
