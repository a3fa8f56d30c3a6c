package uk.ac.manchester.tornado.api.math;

public final class TornadoMath {
  private TornadoMath() {}

  public static float exp(float x) {
    return (float) Math.exp(x);
  }

  public static double exp(double x) {
    return Math.exp(x);
  }

  public static float sqrt(float x) {
    return (float) Math.sqrt(x);
  }

  public static double sqrt(double x) {
    return Math.sqrt(x);
  }

  public static float floor(float x) {
    return (float) Math.floor(x);
  }

  public static double floor(double x) {
    return Math.floor(x);
  }

  public static float ceil(float x) {
    return (float) Math.ceil(x);
  }

  public static double ceil(double x) {
    return Math.ceil(x);
  }

  public static float log(float x) {
    return (float) Math.log(x);
  }

  public static double log(double x) {
    return Math.log(x);
  }

  public static float tanh(float x) {
    return (float) Math.tanh(x);
  }

  public static double tanh(double x) {
    return Math.tanh(x);
  }

  public static float sin(float x) {
    return (float) Math.sin(x);
  }

  public static double sin(double x) {
    return Math.sin(x);
  }

  public static float cos(float x) {
    return (float) Math.cos(x);
  }

  public static double cos(double x) {
    return Math.cos(x);
  }

  public static float abs(float x) {
    return Math.abs(x);
  }

  public static float min(float a, float b) {
    return Math.min(a, b);
  }

  public static float max(float a, float b) {
    return Math.max(a, b);
  }

  public static double abs(double x) {
    return Math.abs(x);
  }

  public static double min(double a, double b) {
    return Math.min(a, b);
  }

  public static double max(double a, double b) {
    return Math.max(a, b);
  }

  public static int abs(int x) {
    return Math.abs(x);
  }

  public static int min(int a, int b) {
    return Math.min(a, b);
  }

  public static int max(int a, int b) {
    return Math.max(a, b);
  }

  public static float pow(float a, float b) {
    return (float) Math.pow(a, b);
  }

  public static double pow(double a, double b) {
    return Math.pow(a, b);
  }
}
