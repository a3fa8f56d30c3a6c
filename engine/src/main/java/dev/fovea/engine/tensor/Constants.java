package dev.fovea.engine.tensor;

import com.google.common.base.Throwables;
import com.google.common.cache.Cache;
import com.google.common.cache.CacheBuilder;
import com.google.common.util.concurrent.ExecutionError;
import com.google.common.util.concurrent.UncheckedExecutionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/// A cache of tensors that depend only on a model's weights and on sizes, such as position embeddings resampled for a larger
/// picture. Each is computed once and shared by the model's workspaces. When their total size exceeds a bound, the least recently
/// used are evicted. The garbage collector frees their memory when no pass uses them any more.
///
/// Thread-safe. Nobody closes it.
public final class Constants {
  /// Default bound in bytes.
  public static final long DEFAULT_BYTES = 64L << 20;

  private static final long UNIT = 1 << 10;

  private final Cache<Object, Tensor> cache;
  private final AtomicLong bytes = new AtomicLong();

  /// @param maxBytes bound on the total size; a larger constant is computed on every use
  public Constants(long maxBytes) {
    cache = CacheBuilder.newBuilder().concurrencyLevel(1).maximumWeight(maxBytes / UNIT)
        .weigher((Object key, Tensor constant) -> Math.toIntExact(Math.ceilDiv(size(constant), UNIT)))
        .removalListener(removed -> bytes.addAndGet(-size(removed.getValue()))).build();
  }

  private static long size(Tensor constant) {
    return Float.BYTES * constant.size();
  }

  /// The constant for `key`, computed if it is not cached. What `compute` throws is thrown, and nothing is cached. A failure of
  /// another caller's, for which this one has waited, is not this one's: that caller may have been interrupted.
  Tensor get(Object key, Supplier<Tensor> compute) {
    while (true) {
      var isMine = new AtomicBoolean();
      try {
        return cache.get(key, () -> {
          isMine.set(true);
          var constant = compute.get();
          bytes.addAndGet(size(constant));
          return constant;
        });
      } catch (UncheckedExecutionException | ExecutionException | ExecutionError e) {
        if (!isMine.get()) continue;
        Throwables.throwIfUnchecked(e.getCause());
        throw new IllegalStateException(e.getCause());
      }
    }
  }

  /// Total size of the cached constants in bytes.
  public long bytes() {
    return bytes.get();
  }

  /// Removes all constants, also during passes: these keep the ones that they have, and later ones compute them again.
  public void clear() {
    cache.invalidateAll();
  }
}
