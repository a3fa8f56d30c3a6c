package uk.ac.manchester.tornado.api;

import uk.ac.manchester.tornado.api.common.TornadoDevice;

public interface TornadoRuntime {
  int getNumBackends();

  TornadoBackend getBackend(int index);

  TornadoDevice getDefaultDevice();
}
