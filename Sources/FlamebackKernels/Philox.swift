#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Philox 4×32-10: 128 random bits from a counter and a key, without a state between them.
///
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).
public enum Philox {
  /// The four words for a counter of 128 bits, the lowest word first, and a key of 64.
  public static func block(_ counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    var (counter, key) = (counter, key)
    for round in 0..<10 {
      if round > 0 { key &+= SIMD2(0x9E37_79B9, 0xBB67_AE85) }
      let first = UInt64(counter[0]) * 0xD251_1F53
      let second = UInt64(counter[2]) * 0xCD9E_8D57
      counter = SIMD4(
        UInt32(truncatingIfNeeded: second >> 32) ^ counter[1] ^ key[0], UInt32(truncatingIfNeeded: second),
        UInt32(truncatingIfNeeded: first >> 32) ^ counter[3] ^ key[1], UInt32(truncatingIfNeeded: first))
    }
    return counter
  }
}

/// A stream of Philox 4×32-10 as PyTorch's CUDA generator has it: a seed, and how many words each thread has used.
///
/// Which word becomes which element follows CUDA's kernels: a grid of threads walks over the tensor, each thread has a
/// stream of its own (the upper half of the counter), and takes four words at a time. SeeAlso: torch.cuda.manual_seed
public struct PhiloxState: Sendable, Equatable {
  public let seed: UInt64
  /// Words that each thread has used so far; a multiple of 4. SeeAlso: torch.cuda.default_generators
  public private(set) var offset: UInt64
  /// Blocks of 256 threads that the device runs at once: 8 for each multiprocessor of 2,048 threads.
  public let blockLimit: Int

  /// - Parameter multiprocessors: of the GPU whose numbers are wanted; 132 as an H100 or H200 has.
  public init(seed: UInt64, offset: UInt64 = 0, multiprocessors: Int = 132) {
    self.seed = seed
    self.offset = offset
    blockLimit = 8 * multiprocessors
  }

  /// The words for `count` elements: `body` gets the first element's number, the distance to the next ones of the same
  /// block of words, and the four words. `perBlock` elements share a block.
  private mutating func forEachBlock(
    _ count: Int, perBlock: Int, _ body: (_ element: Int, _ step: Int, _ words: SIMD4<UInt32>) -> Void
  ) {
    guard count > 0 else { return }
    let threads = 256 * min(blockLimit, (count + 255) / 256)
    let rounds = (count - 1) / (threads * perBlock) + 1
    let key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    for thread in 0..<min(threads, count) {
      for round in 0..<rounds {
        let element = thread + round * threads * perBlock
        if element >= count { break }
        let place = offset / 4 + UInt64(round)
        let counter = SIMD4(
          UInt32(truncatingIfNeeded: place), UInt32(truncatingIfNeeded: place >> 32),
          UInt32(truncatingIfNeeded: thread), UInt32(truncatingIfNeeded: thread >> 32))
        body(element, threads, Philox.block(counter, key: key))
      }
    }
    offset += UInt64(rounds) * 4
  }

  /// Calls `body` with each element's number and its word.
  public mutating func forEachWord(_ count: Int, _ body: (Int, UInt32) -> Void) {
    forEachBlock(count, perBlock: 4) { element, step, words in
      for k in 0..<4 where element + k * step < count { body(element + k * step, words[k]) }
    }
  }

  /// Calls `body` with each element's number and its two words, the first as the upper half.
  public mutating func forEachLongWord(_ count: Int, _ body: (Int, UInt64) -> Void) {
    forEachBlock(count, perBlock: 2) { element, step, words in
      body(element, UInt64(words[0]) << 32 | UInt64(words[1]))
      if element + step < count { body(element + step, UInt64(words[2]) << 32 | UInt64(words[3])) }
    }
  }

  /// Float32 numbers in (0, 1], as cuRAND makes them of a word.
  public mutating func forEachUniform(_ count: Int, _ body: (Int, Float) -> Void) {
    forEachWord(count) { i, word in body(i, Self.unit(word)) }
  }

  /// Float64 numbers in (0, 1], as cuRAND makes them of two words.
  public mutating func forEachUniformDouble(_ count: Int, _ body: (Int, Double) -> Void) {
    forEachBlock(count, perBlock: 2) { element, step, words in
      func unit(_ x: UInt32, _ y: UInt32) -> Double {
        Double(UInt64(x) ^ (UInt64(y) << 21)) * 0x1p-53 + 0x1p-54
      }
      body(element, unit(words[0], words[1]))
      if element + step < count { body(element + step, unit(words[2], words[3])) }
    }
  }

  /// Float32 numbers of the standard normal distribution, as cuRAND makes pairs of them (Box and Muller, 1958).
  public mutating func forEachNormal(_ count: Int, _ body: (Int, Float) -> Void) {
    forEachBlock(count, perBlock: 4) { element, step, words in
      let pairs = [Self.normals(words[0], words[1]), Self.normals(words[2], words[3])]
      for k in 0..<4 where element + k * step < count {
        body(element + k * step, k % 2 == 0 ? pairs[k / 2].0 : pairs[k / 2].1)
      }
    }
  }

  private static func unit(_ word: UInt32) -> Float {
    Float(0).addingProduct(Float(word), 2.3283064e-10) + Float(2.3283064e-10) / 2
  }

  private static func normals(_ x: UInt32, _ y: UInt32) -> (Float, Float) {
    let radius = (-2 * log(unit(x))).squareRoot()
    let angle = Float(y) * (2.3283064e-10 * 6.2831855) + (2.3283064e-10 * 6.2831855) / 2
    return (radius * sin(angle), radius * cos(angle))
  }
}
