package uk.ac.manchester.tornado.api;

import uk.ac.manchester.tornado.api.common.TornadoDevice;

public interface TornadoBackend {
  int getNumDevices();

  TornadoDevice getDevice(int index);
}
