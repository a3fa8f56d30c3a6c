package uk.ac.manchester.tornado.api.common;

import uk.ac.manchester.tornado.api.TornadoTargetDevice;
import uk.ac.manchester.tornado.api.enums.TornadoVMBackendType;
import uk.ac.manchester.tornado.api.memory.TornadoMemoryProvider;

public interface TornadoDevice {
  String getDeviceName();

  String getDescription();

  TornadoTargetDevice getPhysicalDevice();

  TornadoMemoryProvider getMemoryProvider();

  TornadoVMBackendType getTornadoVMBackend();

  long getMaxAllocMemory();

  long getMaxGlobalMemory();

  long getDeviceLocalMemorySize();
}
