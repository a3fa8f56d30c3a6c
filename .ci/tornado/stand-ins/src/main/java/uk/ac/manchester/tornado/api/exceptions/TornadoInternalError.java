package uk.ac.manchester.tornado.api.exceptions;

public class TornadoInternalError extends Error {
  private static final long serialVersionUID = 1;

  public TornadoInternalError(String message) {
    super(message);
  }
}
