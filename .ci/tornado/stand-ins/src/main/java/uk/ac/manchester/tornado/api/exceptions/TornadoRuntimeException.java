package uk.ac.manchester.tornado.api.exceptions;

public class TornadoRuntimeException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public TornadoRuntimeException(String message) {
    super(message);
  }
}
