import CKernels
import Foundation
import Synchronization
import Testing

@testable import FlamebackKernels

/// Loops on shared threads: more of them than there are cores, so that threads wait for each other.
@Suite(.serialized) struct ThreadPoolTests {
  /// The sum of i² for i below `count`, by ranges of `grain`; traps where a range is not what was promised.
  private func sumOfSquares(_ count: Int, grain: Int) -> Int {
    let sum = Atomic<Int>(0)
    ThreadPool.run(count: count, grain: grain) { range in
      precondition(range.lowerBound % grain == 0 && (range.count == grain || range.upperBound == count))
      sum.wrappingAdd(range.reduce(0) { $0 + $1 * $1 }, ordering: .relaxed)
    }
    return sum.load(ordering: .relaxed)
  }

  private func expected(_ count: Int) -> Int { (0..<count).reduce(0) { $0 + $1 * $1 } }

  @Test(arguments: [0, 1, 7, 1000, 12345], [1, 3, 64, 100_000])
  func rangesCoverEverythingOnce(_ count: Int, _ grain: Int) {
    let before = fb_thread_count()
    fb_set_threads(5)
    defer { fb_set_threads(before) }
    for _ in 0..<20 { #expect(sumOfSquares(count, grain: grain) == expected(count)) }
  }

  /// BLAS is told to use one thread; that must not be taken for the number of cores, in a process that begins so.
  @Test func aFirstProductLeavesTheThreads() async {
    await #expect(processExitsWith: .success) {
      let ones = [Float](repeating: 1, count: 64 * 64)
      let product = GemmTests.multiply(
        code(.float32), .init(m: 64, n: 64, k: 64), false, false, ones, ones, ones, alpha: 1, beta: 0)
      let isLimited = ProcessInfo.processInfo.environment["OMP_NUM_THREADS"] != nil
      let cores = ProcessInfo.processInfo.activeProcessorCount
      precondition(product[0] == 64 && (isLimited || fb_thread_count() == cores))
    }
  }

  /// Products are cut for the threads, or not at all for one: not a bit of them may change.
  @Test func productsDoNotDependOnTheThreads() {
    let before = fb_thread_count()
    defer { fb_set_threads(before) }
    for c in GemmTests.large + [.init(m: 512, n: 300, k: 300), .init(m: 128, n: 1030, k: 300)] {
      for (ta, tb) in [(false, false), (true, false), (false, true)] {
        var numbers = Numbers(seed: UInt64(c.m + c.n + c.k))
        let a = numbers.doubles(c.m * c.k), b = numbers.doubles(c.k * c.n)
        func products(_ threads: Int32) -> ([Float], [Double]) {
          fb_set_threads(threads)
          let nothing = [Double](repeating: 0, count: c.m * c.n)
          return (
            GemmTests.multiply(
              code(.float32), c, ta, tb, a.map(Float.init), b.map(Float.init), nothing.map(Float.init), alpha: 1,
              beta: 0),
            GemmTests.multiply(code(.float64), c, ta, tb, a, b, nothing, alpha: 1, beta: 0)
          )
        }
        let one = products(1)
        for threads in [2, 3, 5] as [Int32] {
          let several = products(threads)
          #expect(several.0 == one.0 && several.1 == one.1, "\(c) on \(threads) threads")
        }
      }
    }
  }

  @Test func nestedLoopsRunOnTheirThread() {
    let sum = Atomic<Int>(0)
    ThreadPool.run(count: 50, grain: 1) { outer in
      for _ in outer { sum.wrappingAdd(sumOfSquares(100, grain: 7), ordering: .relaxed) }
    }
    #expect(sum.load(ordering: .relaxed) == 50 * expected(100))
  }

  @Test func severalCallersAtOnce() async {
    await withTaskGroup(of: Bool.self) { group in
      for caller in 1...8 {
        group.addTask {
          (0..<200).allSatisfy { _ in sumOfSquares(caller * 500, grain: 50) == expected(caller * 500) }
        }
      }
      for await isRight in group { #expect(isRight) }
    }
  }
}
