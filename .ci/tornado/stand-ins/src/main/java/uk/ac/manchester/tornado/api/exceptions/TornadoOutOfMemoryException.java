package uk.ac.manchester.tornado.api.exceptions;

public class TornadoOutOfMemoryException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public TornadoOutOfMemoryException(String message) {
    super(message);
  }
}
