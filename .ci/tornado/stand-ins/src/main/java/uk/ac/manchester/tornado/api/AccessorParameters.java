package uk.ac.manchester.tornado.api;

import uk.ac.manchester.tornado.api.common.Access;

public class AccessorParameters {
  public AccessorParameters(int count) {}

  public void set(int index, Object object, Access access) {}
}
