package dev.fovea.engine.tensor;

import com.google.common.base.Throwables;
import com.google.common.cache.Cache;
import com.google.common.cache.CacheBuilder;
import com.google.common.util.concurrent.UncheckedExecutionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/// What depends on a model's weights and on a size alone, such as positions that were resampled for a larger picture: computed
/// once, shared by the workspaces of a model, and kept as long as all of them together stay below a bound. Those that were not
/// used for longest go first.
///
/// Any number of threads may use it.
public final class Constants {
  /// Bytes that are kept unless another bound is given.
  public static final long DEFAULT_BYTES = 64L << 20;

  private static final long UNIT = 1 << 10;

  private final Cache<Object, Tensor> cache;
  private final AtomicLong bytes = new AtomicLong();

  /// @param maxBytes the most that is kept; a constant that is larger is computed each time
  public Constants(long maxBytes) {
    cache = CacheBuilder.newBuilder().concurrencyLevel(1).maximumWeight(maxBytes / UNIT)
        .weigher((Object key, Tensor constant) -> Math.toIntExact(Math.ceilDiv(size(constant), UNIT)))
        .removalListener(removed -> bytes.addAndGet(-size(removed.getValue()))).build();
  }

  private static long size(Tensor constant) {
    return Float.BYTES * constant.size();
  }

  /// The constant of this key, which `compute` gives where it is not known.
  Tensor get(Object key, Supplier<Tensor> compute) {
    try {
      return cache.get(key, () -> {
        var constant = compute.get();
        bytes.addAndGet(size(constant));
        return constant;
      });
    } catch (UncheckedExecutionException | ExecutionException e) {
      Throwables.throwIfUnchecked(e.getCause());
      throw new IllegalStateException(e.getCause());
    }
  }

  /// Bytes that are kept now.
  public long bytes() {
    return bytes.get();
  }

  /// Forgets all of them.
  public void clear() {
    cache.invalidateAll();
  }
}
