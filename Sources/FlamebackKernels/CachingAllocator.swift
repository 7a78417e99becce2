import CKernels
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Host memory that is kept for the next tensor of about the same size instead of going back to the system.
///
/// Blocks are 64-byte aligned. Sizes are rounded up to classes an eighth apart, so at most 12.5 % is lost. Large blocks
/// begin at different places of a page in turn: a sum of arrays of 4 MB that begin at the same one takes a tenth longer.
/// Fresh pages cost more than most kernels: reuse is where a training loop gains. What has not been used again for some
/// seconds goes back to the system. SeeAlso: torch.cuda memory management
public final class CachingAllocator: Sendable {
  public static let host = CachingAllocator()

  /// What the allocator holds, in bytes, and how often it was asked.
  public struct Statistics: Sendable {
    /// Bytes in use by live tensors (rounded to size classes), and the most there ever were.
    public internal(set) var active = 0
    public internal(set) var peak = 0
    /// Bytes kept for reuse.
    public internal(set) var cached = 0
    public internal(set) var allocations = 0
    /// Allocations served without asking the system.
    public internal(set) var hits = 0
  }

  private struct State {
    var statistics = Statistics()
    var free: [[UInt]] = Array(repeating: [], count: 64 * 8)
    /// The fewest free blocks that a class had since the last look: those were of no use.
    var idle: [Int] = Array(repeating: 0, count: 64 * 8)
    var cacheLimit: Int
    var limit: Int
    /// Whether a thread looks for idle blocks.
    var isWatched = false
  }

  private let state: Mutex<State>
  private let largeBlocks = Atomic<Int>(0)

  public convenience init() { self.init(bound: MemoryBound.current()) }

  /// `bound`: the most bytes that tensors may take; half of it may be kept for reuse.
  init(bound: Int) { state = Mutex(State(cacheLimit: bound / 2, limit: bound)) }

  /// The size class of a request: its index and its bytes.
  static func sizeClass(_ byteCount: Int) -> (index: Int, bytes: Int) {
    let size = max(byteCount, 64)
    let shift = max(0, Int.bitWidth - 1 - (size - 1).leadingZeroBitCount - 3)
    let steps = (size + (1 << shift) - 1) >> shift  // 8 < steps ≤ 16 above 64 bytes
    return (shift * 8 + (steps - 8), steps << shift)
  }

  static func bytes(ofClass index: Int) -> Int { (index % 8 + 8) << (index / 8) }

  /// Whether so many bytes may be allocated now, as far as the limit goes.
  public func allows(_ byteCount: Int) -> Bool {
    state.withLock { byteCount <= $0.limit - $0.statistics.active }
  }

  /// Uninitialised memory of at least `byteCount` bytes; nil if the limit or the machine does not allow it.
  public func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    if byteCount > 1 << 46 || !fb_may_allocate() { return nil }
    let (index, bytes) = CachingAllocator.sizeClass(byteCount)
    let cached: UInt?? = state.withLock { state in
      if state.statistics.active + bytes > state.limit { return nil }
      state.statistics.allocations += 1
      state.statistics.active += bytes
      state.statistics.peak = max(state.statistics.peak, state.statistics.active)
      guard let block = state.free[index].popLast() else { return .some(nil) }
      state.idle[index] = min(state.idle[index], state.free[index].count)
      state.statistics.hits += 1
      state.statistics.cached -= bytes
      return .some(block)
    }
    guard let cached else { return nil }
    if let cached { return UnsafeMutableRawPointer(bitPattern: cached) }
    if let block = systemBlock(bytes) { return block }
    emptyCache()
    if let block = systemBlock(bytes) { return block }
    state.withLock { $0.statistics.active -= bytes }
    return nil
  }

  private static let page = 4096
  private static let large = 16 * page
  /// Where in its page a large block begins, in turn: far from the others, and no power of two apart, as rows often are.
  private static let places = [0, 1600, 3200, 704]

  private func systemBlock(_ bytes: Int) -> UnsafeMutableRawPointer? {
    typealias Allocator = CachingAllocator
    var block: UnsafeMutableRawPointer?
    if bytes < Allocator.large { return posix_memalign(&block, 64, bytes) == 0 ? block : nil }
    let (size, huge) = (bytes + Allocator.page, 2 << 20)
    guard posix_memalign(&block, bytes >= 2 * huge ? huge : Allocator.page, size) == 0, let block else { return nil }
    #if os(Linux)
      if bytes >= 2 * huge { madvise(block, size, Int32(MADV_HUGEPAGE)) }
    #endif
    let count = largeBlocks.wrappingAdd(1, ordering: .relaxed).oldValue
    return block + Allocator.places[count & (Allocator.places.count - 1)]
  }

  /// Gives a block of `bytes` back to the system.
  private static func release(_ address: UInt, _ bytes: Int) {
    let start = bytes < large ? address : address & ~UInt(page - 1)
    free(UnsafeMutableRawPointer(bitPattern: start))
  }

  /// Takes a block of `allocate(byteCount)` back.
  public func deallocate(_ block: UnsafeMutableRawPointer, _ byteCount: Int) {
    let (index, bytes) = CachingAllocator.sizeClass(byteCount)
    let address = UInt(bitPattern: block)
    let (keep, starts) = state.withLock { state in
      state.statistics.active -= bytes
      guard state.statistics.cached + bytes <= state.cacheLimit else { return (false, false) }
      state.statistics.cached += bytes
      state.free[index].append(address)
      guard !state.isWatched, state.statistics.cached > CachingAllocator.unwatched else { return (true, false) }
      state.isWatched = true
      return (true, true)
    }
    if !keep { CachingAllocator.release(address, bytes) }
    if starts { watch() }
  }

  /// As much may be idle for ever.
  private static let unwatched = 32 << 20
  /// What is not used for one of these times goes back, in seconds: longer than the steps of most training loops.
  private static let patience: UInt32 = 4

  /// Starts a thread that gives idle blocks back, and ends when there are few left.
  private func watch() {
    startThread { [weak self] in
      while true {
        sleep(CachingAllocator.patience)
        guard let self, self.releaseIdle() else { return }
      }
    }
  }

  /// Gives the blocks back that were of no use since the last call. Whether enough are left to look again.
  @discardableResult
  func releaseIdle() -> Bool {
    let (blocks, goesOn) = state.withLock { state in
      var blocks: [(address: UInt, bytes: Int)] = []
      for index in state.free.indices where !state.free[index].isEmpty {
        let (count, bytes) = (min(state.idle[index], state.free[index].count), CachingAllocator.bytes(ofClass: index))
        // The ones freed longest ago lie in front.
        blocks += state.free[index].prefix(count).map { ($0, bytes) }
        state.free[index].removeFirst(count)
        state.statistics.cached -= count * bytes
        state.idle[index] = state.free[index].count
      }
      state.isWatched = state.statistics.cached > CachingAllocator.unwatched
      return (blocks, state.isWatched)
    }
    for block in blocks { CachingAllocator.release(block.address, block.bytes) }
    if !blocks.isEmpty || !goesOn {
      fb_release_scratch()
      fb_trim_heap()  // free pages between others would stay
    }
    return goesOn
  }

  /// Gives all cached blocks back to the system. SeeAlso: torch.cuda.empty_cache
  public func emptyCache() {
    let blocks = state.withLock { state in
      defer {
        for i in state.free.indices {
          state.free[i] = []
          state.idle[i] = 0
        }
        state.statistics.cached = 0
      }
      return state.free
    }
    for (index, blocks) in blocks.enumerated() {
      for block in blocks { CachingAllocator.release(block, CachingAllocator.bytes(ofClass: index)) }
    }
  }

  public var statistics: Statistics { state.withLock { $0.statistics } }

  /// Lets the peak start again from what is active now. SeeAlso: torch.cuda.reset_peak_memory_stats
  public func resetPeak() { state.withLock { $0.statistics.peak = $0.statistics.active } }

  /// Sets the most bytes that live tensors may take, and the most that are kept for reuse.
  public func setLimits(active: Int? = nil, cached: Int? = nil) {
    state.withLock {
      if let active { $0.limit = active }
      if let cached { $0.cacheLimit = cached }
    }
    if cached != nil { emptyCache() }
  }
}
