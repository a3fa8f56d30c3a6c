package uk.ac.manchester.tornado.api;

public class GridScheduler {
  public GridScheduler() {}

  public GridScheduler(String task, WorkerGrid grid) {}

  public void addWorkerGrid(String task, WorkerGrid grid) {}
}
