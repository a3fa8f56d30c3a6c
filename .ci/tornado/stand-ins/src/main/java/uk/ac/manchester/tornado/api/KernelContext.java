package uk.ac.manchester.tornado.api;

/// One work item, alone in its group.
public class KernelContext {
  public final Integer globalIdx = 0;
  public final Integer globalIdy = 0;
  public final Integer globalIdz = 0;
  public final Integer groupIdx = 0;
  public final Integer groupIdy = 0;
  public final Integer groupIdz = 0;
  public final Integer localIdx = 0;
  public final Integer localIdy = 0;
  public final Integer localIdz = 0;
  public final Integer globalGroupSizeX = 1;
  public final Integer globalGroupSizeY = 1;
  public final Integer globalGroupSizeZ = 1;
  public final Integer localGroupSizeX = 1;
  public final Integer localGroupSizeY = 1;
  public final Integer localGroupSizeZ = 1;

  public void localBarrier() {}

  public void globalBarrier() {}

  public float[] allocateFloatLocalArray(int size) {
    return new float[size];
  }

  public int[] allocateIntLocalArray(int size) {
    return new int[size];
  }

  public byte[] allocateByteLocalArray(int size) {
    return new byte[size];
  }
}
