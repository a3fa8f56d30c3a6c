package uk.ac.manchester.tornado.api;

import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task10;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task11;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task12;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task13;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task14;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task15;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task1;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task2;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task3;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task4;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task5;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task6;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task7;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task8;
import uk.ac.manchester.tornado.api.common.TornadoFunctions.Task9;

public class TaskGraph {
  private final String name;

  public TaskGraph(String name) {
    this.name = name;
  }

  public String getTaskGraphName() {
    return name;
  }

  public TaskGraph transferToDevice(int mode, Object... objects) {
    return this;
  }

  public TaskGraph transferToHost(int mode, Object... objects) {
    return this;
  }

  public TaskGraph persistOnDevice(Object... objects) {
    return this;
  }

  public TaskGraph consumeFromDevice(Object... objects) {
    return this;
  }

  public TaskGraph consumeFromDevice(String graph, Object... objects) {
    return this;
  }

  public TaskGraph prebuiltTask(String id, String entryPoint, String file, AccessorParameters accessors) {
    return this;
  }

  public ImmutableTaskGraph snapshot() {
    return new ImmutableTaskGraph();
  }

  public <T1> TaskGraph task(String id, Task1<T1> code,
      T1 a1) {
    return this;
  }

  public <T1, T2> TaskGraph task(String id, Task2<T1, T2> code,
      T1 a1, T2 a2) {
    return this;
  }

  public <T1, T2, T3> TaskGraph task(String id, Task3<T1, T2, T3> code,
      T1 a1, T2 a2, T3 a3) {
    return this;
  }

  public <T1, T2, T3, T4> TaskGraph task(String id, Task4<T1, T2, T3, T4> code,
      T1 a1, T2 a2, T3 a3, T4 a4) {
    return this;
  }

  public <T1, T2, T3, T4, T5> TaskGraph task(String id, Task5<T1, T2, T3, T4, T5> code,
      T1 a1, T2 a2, T3 a3, T4 a4, T5 a5) {
    return this;
  }

  public <T1, T2, T3, T4, T5, T6> TaskGraph task(String id, Task6<T1, T2, T3, T4, T5, T6> code,
      T1 a1, T2 a2, T3 a3, T4 a4, T5 a5, T6 a6) {
    return this;
  }

  public <T1, T2, T3, T4, T5, T6, T7> TaskGraph task(String id, Task7<T1, T2, T3, T4, T5, T6, T7> code,
      T1 a1, T2 a2, T3 a3, T4 a4, T5 a5, T6 a6, T7 a7) {
    return this;
  }

  public <T1, T2, T3, T4, T5, T6, T7, T8> TaskGraph task(String id, Task8<T1, T2, T3, T4, T5, T6, T7, T8> code,
      T1 a1, T2 a2, T3 a3, T4 a4, T5 a5, T6 a6, T7 a7, T8 a8) {
    return this;
  }

  public <T1, T2, T3, T4, T5, T6, T7, T8, T9> TaskGraph task(String id, Task9<T1, T2, T3, T4, T5, T6, T7, T8, T9> code,
      T1 a1, T2 a2, T3 a3, T4 a4, T5 a5, T6 a6, T7 a7, T8 a8, T9 a9) {
    return this;
  }

  public <T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> TaskGraph task(String id, Task10<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10> code,
      T1 a1, T2 a2, T3 a3, T4 a4, T5 a5, T6 a6, T7 a7, T8 a8, T9 a9, T10 a10) {
    return this;
  }

  public <T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11>
      TaskGraph task(String id, Task11<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11> code,
      T1 a1, T2 a2, T3 a3, T4 a4, T5 a5, T6 a6, T7 a7, T8 a8, T9 a9, T10 a10, T11 a11) {
    return this;
  }

  public <T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12>
      TaskGraph task(String id, Task12<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12> code,
      T1 a1, T2 a2, T3 a3, T4 a4, T5 a5, T6 a6, T7 a7, T8 a8, T9 a9, T10 a10, T11 a11, T12 a12) {
    return this;
  }

  public <T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13>
      TaskGraph task(String id, Task13<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13> code,
      T1 a1, T2 a2, T3 a3, T4 a4, T5 a5, T6 a6, T7 a7, T8 a8, T9 a9, T10 a10, T11 a11, T12 a12, T13 a13) {
    return this;
  }

  public <T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14>
      TaskGraph task(String id, Task14<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14> code,
      T1 a1, T2 a2, T3 a3, T4 a4, T5 a5, T6 a6, T7 a7, T8 a8, T9 a9, T10 a10, T11 a11, T12 a12, T13 a13, T14 a14) {
    return this;
  }

  public <T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14, T15>
      TaskGraph task(String id, Task15<T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14, T15> code,
      T1 a1, T2 a2, T3 a3, T4 a4, T5 a5, T6 a6, T7 a7, T8 a8, T9 a9, T10 a10, T11 a11, T12 a12, T13 a13, T14 a14, T15 a15) {
    return this;
  }
}
