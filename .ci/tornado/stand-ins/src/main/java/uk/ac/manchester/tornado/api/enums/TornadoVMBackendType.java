package uk.ac.manchester.tornado.api.enums;

public enum TornadoVMBackendType {
  OPENCL, METAL, PTX, CUDA, SPIRV, JAVA, VIRTUAL
}
