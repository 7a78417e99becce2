import FlamebackCore
import FlamebackKernels
import FlamebackOps
import Synchronization

/// Batches of a data set, in order or shuffled, prepared by background threads if wanted.
///
///     for (images, labels) in DataLoader(dataset, batchSize: 64, shuffle: true) { … }
///
/// Each `for` is one epoch. Order and contents do not depend on the number of workers: every batch draws its random
/// numbers from a generator of its own. SeeAlso: torch.utils.data.DataLoader
public struct DataLoader<Batch>: Sequence {
  /// The loader's settings, the same for every kind of data set.
  public struct Options {
    public var batchSize: Int
    public var shuffle: Bool
    /// Background threads; 0 prepares each batch when it is asked for.
    public var numWorkers: Int
    /// Leaves an incomplete last batch away.
    public var dropLast: Bool
    public var sampler: (any Sampler)?
    public var generator: FlamebackCore.Generator?
    /// Batches that each worker keeps ready.
    public var prefetchFactor: Int

    public init(
      batchSize: Int = 1, shuffle: Bool = false, numWorkers: Int = 0, dropLast: Bool = false,
      sampler: (any Sampler)? = nil, generator: FlamebackCore.Generator? = nil, prefetchFactor: Int = 2
    ) {
      self.batchSize = batchSize
      self.shuffle = shuffle
      self.numWorkers = numWorkers
      self.dropLast = dropLast
      self.sampler = sampler
      self.generator = generator
      self.prefetchFactor = prefetchFactor
    }
  }

  let options: Options
  let sampler: any Sampler
  let fetch: @Sendable ([Int]) -> Batch

  /// The general form: `fetch` makes a batch from the indices of its samples.
  public init(sampleCount: Int, options: Options, fetch: @escaping @Sendable ([Int]) -> Batch) {
    var options = options
    if options.batchSize < 1 {
      report(OpError("DataLoader", "batchSize must be positive, got \(options.batchSize)"))
      options.batchSize = 1
    }
    if options.numWorkers < 0 {
      report(OpError("DataLoader", "numWorkers must not be negative, got \(options.numWorkers)"))
      options.numWorkers = 0
    }
    if options.shuffle, options.sampler != nil {
      report(OpError("DataLoader", "a sampler and shuffle exclude each other"))
    }
    self.options = options
    sampler =
      options.sampler
      ?? (options.shuffle
        ? RandomSampler(count: sampleCount, generator: options.generator) : SequentialSampler(count: sampleCount))
    self.fetch = fetch
  }

  /// The number of batches of an epoch. SeeAlso: len(loader)
  public var count: Int {
    options.dropLast ? sampler.count / options.batchSize : (sampler.count + options.batchSize - 1) / options.batchSize
  }

  public var underestimatedCount: Int { count }

  public func makeIterator() -> Iterator { Iterator(self) }

  /// One epoch.
  public struct Iterator: IteratorProtocol {
    private let source: () -> Batch?

    init(_ loader: DataLoader) {
      // PyTorch draws this seed first, then the sampler draws its own.
      let seed = (loader.options.generator ?? .default).randomSeed()
      let indices = loader.sampler.indices()
      let size = loader.options.batchSize
      let fetch = loader.fetch
      let make: @Sendable (Int) -> Batch = { i in
        let generator = FlamebackCore.Generator(seed: seed &+ UInt64(truncatingIfNeeded: i))
        return withGenerator(generator) { fetch(Array(indices[i * size..<Swift.min(indices.count, (i + 1) * size)])) }
      }
      let count = loader.count
      if loader.options.numWorkers == 0 {
        var next = 0
        source = {
          guard next < count else { return nil }
          next += 1
          return make(next - 1)
        }
      } else {
        let workers = loader.options.numWorkers
        let queue = Prefetcher(
          count: count, workers: workers, depth: workers * Swift.max(1, loader.options.prefetchFactor), make)
        source = { queue.next() }
      }
    }

    public mutating func next() -> Batch? { source() }
  }
}

/// Makes items ahead on its own threads and hands them out in order.
private final class Prefetcher<Item>: Sendable {
  private struct State {
    var ready: [Int: Item] = [:]
    var claimed = 0
    var taken = 0
    var isCancelled = false
  }

  private let shared: Shared

  private final class Shared: @unchecked Sendable {
    let count: Int
    let depth: Int
    let make: @Sendable (Int) -> Item
    private var state = State()
    private let condition = ThreadCondition()

    init(count: Int, depth: Int, make: @escaping @Sendable (Int) -> Item) {
      self.count = count
      self.depth = depth
      self.make = make
    }

    func work() {
      while true {
        let index: Int? = condition.withLock {
          while !state.isCancelled, state.claimed < count, state.claimed >= state.taken + depth { condition.wait() }
          guard !state.isCancelled, state.claimed < count else { return nil }
          state.claimed += 1
          return state.claimed - 1
        }
        guard let index else { return }
        let item = make(index)
        condition.withLock {
          state.ready[index] = item
          condition.wakeAll()
        }
      }
    }

    func next() -> Item? {
      condition.withLock {
        guard state.taken < count else { return nil }
        while state.ready[state.taken] == nil { condition.wait() }
        let item = state.ready.removeValue(forKey: state.taken)
        state.taken += 1
        condition.wakeAll()
        return item
      }
    }

    func cancel() {
      condition.withLock {
        state.isCancelled = true
        condition.wakeAll()
      }
    }
  }

  init(count: Int, workers: Int, depth: Int, _ make: @escaping @Sendable (Int) -> Item) {
    let shared = Shared(count: count, depth: depth, make: make)
    self.shared = shared
    for _ in 0..<workers { startThread { shared.work() } }
  }

  func next() -> Item? { shared.next() }

  // The loop was left early: its workers must not wait for ever.
  deinit { shared.cancel() }
}

extension DataLoader {
  /// Batches put together by `collate`.
  public init<D: Dataset>(
    _ dataset: D, batchSize: Int = 1, shuffle: Bool = false, sampler: (any Sampler)? = nil, numWorkers: Int = 0,
    dropLast: Bool = false, generator: FlamebackCore.Generator? = nil, prefetchFactor: Int = 2,
    collate: @escaping @Sendable ([D.Element]) -> Batch
  ) {
    self.init(
      sampleCount: dataset.count,
      options: Options(
        batchSize: batchSize, shuffle: shuffle, numWorkers: numWorkers, dropLast: dropLast, sampler: sampler,
        generator: generator, prefetchFactor: prefetchFactor),
      fetch: { indices in collate(indices.map { dataset[$0] }) })
  }

  /// Batches of single samples.
  public init<D: Dataset>(
    _ dataset: D, batchSize: Int = 1, shuffle: Bool = false, sampler: (any Sampler)? = nil, numWorkers: Int = 0,
    dropLast: Bool = false, generator: FlamebackCore.Generator? = nil, prefetchFactor: Int = 2
  ) where D.Element: Collatable, D.Element.Batch == Batch {
    self.init(
      dataset, batchSize: batchSize, shuffle: shuffle, sampler: sampler, numWorkers: numWorkers, dropLast: dropLast,
      generator: generator, prefetchFactor: prefetchFactor, collate: { D.Element.collate($0) })
  }

  /// Batches of pairs.
  public init<D: Dataset, A: Collatable, B: Collatable>(
    _ dataset: D, batchSize: Int = 1, shuffle: Bool = false, sampler: (any Sampler)? = nil, numWorkers: Int = 0,
    dropLast: Bool = false, generator: FlamebackCore.Generator? = nil, prefetchFactor: Int = 2
  ) where D.Element == (A, B), Batch == (A.Batch, B.Batch) {
    self.init(
      dataset, batchSize: batchSize, shuffle: shuffle, sampler: sampler, numWorkers: numWorkers, dropLast: dropLast,
      generator: generator, prefetchFactor: prefetchFactor
    ) { samples in (A.collate(samples.map(\.0)), B.collate(samples.map(\.1))) }
  }

  /// Batches of rows, gathered at once.
  public init(
    _ dataset: TensorDataset, batchSize: Int = 1, shuffle: Bool = false, sampler: (any Sampler)? = nil,
    numWorkers: Int = 0, dropLast: Bool = false, generator: FlamebackCore.Generator? = nil, prefetchFactor: Int = 2
  ) where Batch == (Tensor, Tensor) {
    self.init(
      sampleCount: dataset.count,
      options: Options(
        batchSize: batchSize, shuffle: shuffle, numWorkers: numWorkers, dropLast: dropLast, sampler: sampler,
        generator: generator, prefetchFactor: prefetchFactor),
      fetch: { dataset.batch($0) })
  }
}
