package uk.ac.manchester.tornado.api.exceptions;

public class TornadoBailoutRuntimeException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public TornadoBailoutRuntimeException(String message) {
    super(message);
  }
}
