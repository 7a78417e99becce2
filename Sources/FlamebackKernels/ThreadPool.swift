import CKernels
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Threads that share a loop's chunks.
///
/// The caller works too and waits only for chunks that somebody has claimed, so a core that another
/// process holds delays nothing but the chunk it is in. Nested and concurrent calls run on their own thread.
public final class ThreadPool: @unchecked Sendable {
  public static let shared = ThreadPool()

  private final class Job: Sendable {
    let next = Atomic<Int>(0)
    let done = Atomic<Int>(0)
    let count: Int
    let chunk: Int
    let chunks: Int
    nonisolated(unsafe) let body: UnsafeRawPointer  // points at the caller's closure, valid until done == chunks

    init(count: Int, chunk: Int, body: UnsafeRawPointer) {
      self.count = count
      self.chunk = chunk
      self.chunks = (count + chunk - 1) / chunk
      self.body = body
    }

    func work() {
      while true {
        let i = next.wrappingAdd(1, ordering: .relaxed).oldValue
        if i >= chunks { return }
        body.assumingMemoryBound(to: ((Range<Int>) -> Void).self).pointee(i * chunk..<min(count, (i + 1) * chunk))
        done.wrappingAdd(1, ordering: .releasing)
      }
    }
  }

  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var job: Job?  // guarded by lock
  private var generation = 0  // guarded by lock
  private var started = 0  // guarded by lock
  private var active = 0  // threads that may work, the caller included; guarded by lock
  private let busy = Atomic<Bool>(false)
  private let width = Atomic<Int>(1)

  private init() {
    pthread_mutex_init(lock, nil)
    pthread_cond_init(wake, nil)
    setThreadCount(max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
  }

  /// How many threads compute at once, the calling one included. SeeAlso: torch.get_num_threads
  public var threadCount: Int { width.load(ordering: .relaxed) }

  /// SeeAlso: torch.set_num_threads
  public func setThreadCount(_ count: Int) {
    width.store(max(1, count), ordering: .relaxed)
    fb_set_blas_threads(Int32(max(1, count)))
    pthread_mutex_lock(lock)
    active = max(1, count)
    while started < active - 1 {
      let index = started
      started += 1
      startThread { self.workerLoop(index) }
    }
    pthread_mutex_unlock(lock)
  }

  private func workerLoop(_ index: Int) {
    var seen = 0
    while true {
      pthread_mutex_lock(lock)
      while job == nil || generation == seen || index >= active - 1 { pthread_cond_wait(wake, lock) }
      let current = job
      seen = generation
      pthread_mutex_unlock(lock)
      current?.work()
    }
  }

  /// Calls `body` with ranges that cover `0..<count`, each `grain` long (the last one shorter).
  ///
  /// Ranges depend on `count` and `grain` alone, never on the number of threads.
  public func run(count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
    if count <= 0 { return }
    if count <= grain || threadCount == 1 || busy.exchange(true, ordering: .acquiring) {
      var start = 0
      while start < count {
        body(start..<min(count, start + grain))
        start += grain
      }
      return
    }
    defer { busy.store(false, ordering: .releasing) }
    withoutActuallyEscaping(body) { escapable in
      withUnsafePointer(to: escapable) { pointer in
        let current = Job(count: count, chunk: grain, body: UnsafeRawPointer(pointer))
        pthread_mutex_lock(lock)
        job = current
        generation += 1
        pthread_cond_broadcast(wake)
        pthread_mutex_unlock(lock)
        current.work()
        var spins = 0
        while current.done.load(ordering: .acquiring) < current.chunks {
          spins += 1
          if spins > 2000 { sched_yield() }
        }
        pthread_mutex_lock(lock)
        job = nil
        pthread_mutex_unlock(lock)
      }
    }
  }
}

/// Starts a detached thread with a name-less default configuration.
package func startThread(_ body: @escaping @Sendable () -> Void) {
  final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var thread = pthread_t()
  let box = Unmanaged.passRetained(Box(body)).toOpaque()
  let status = pthread_create(
    &thread, nil,
    { argument in
      Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue().body()
      return nil
    }, box)
  precondition(status == 0, "cannot start a thread")
  pthread_detach(thread)
}
