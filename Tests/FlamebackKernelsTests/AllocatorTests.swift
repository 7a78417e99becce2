import Foundation
import Testing

@testable import FlamebackKernels

@Suite struct AllocatorTests {
  /// Bytes from one class up to the next, and the class found again from its index.
  @Test func classesLoseAnEighthAtMost() {
    for size in [1, 64, 65, 1000, 4096, 65535, 65536, 1 << 20, (1 << 20) + 1, 3 << 21] {
      let (index, bytes) = CachingAllocator.sizeClass(size)
      #expect(bytes >= size)
      #expect(size < 64 || bytes * 8 <= size * 9)
      #expect(CachingAllocator.bytes(ofClass: index) == bytes)
    }
  }

  /// Arrays of one size that are walked together begin at different places of their pages.
  @Test(arguments: [1 << 16, 1 << 20, 4 << 20, (4 << 20) + 1])
  func largeBlocksBeginApart(size: Int) {
    let allocator = CachingAllocator()
    let blocks = (0..<4).map { _ in allocator.allocate(size)! }
    for block in blocks { block.initializeMemory(as: UInt8.self, repeating: 7, count: size) }
    let places = blocks.map { UInt(bitPattern: $0) % 4096 }
    #expect(Set(places).count == 4)
    #expect(places.allSatisfy { $0 % 64 == 0 })
    for block in blocks { allocator.deallocate(block, size) }
    #expect(blocks.contains(allocator.allocate(size)!))
    #expect(allocator.statistics.hits == 1)
    allocator.emptyCache()
    #expect(allocator.statistics.cached == 0)
  }

  /// What is not kept goes back whole, wherever it began.
  @Test(arguments: [100, 1 << 16, 5 << 20])
  func blocksGoBackToTheSystem(size: Int) {
    let allocator = CachingAllocator()
    allocator.setLimits(cached: 0)
    for _ in 0..<8 { allocator.deallocate(allocator.allocate(size)!, size) }
    #expect(allocator.statistics.cached == 0)
    #expect(allocator.statistics.active == 0)
    #expect(allocator.statistics.hits == 0)
  }

  @Test func memoryComesBack() throws {
    let allocator = CachingAllocator()
    let block = try #require(allocator.allocate(1000))
    #expect(allocator.statistics.active >= 1000)
    allocator.deallocate(block, 1000)
    #expect(allocator.statistics.active == 0 && allocator.statistics.cached >= 1000)
    let again = try #require(allocator.allocate(1000))
    #expect(again == block && allocator.statistics.hits == 1)
    allocator.deallocate(again, 1000)
    allocator.emptyCache()
    #expect(allocator.statistics.cached == 0)
    allocator.setLimits(active: 4096)
    #expect(allocator.allocate(1 << 20) == nil)
  }
}

/// The bound of what a process may have, and what is given back.
@Suite struct MemoryBoundTests {
  /// A tree of files as the kernel shows control groups.
  private func bound(_ files: [String: String]) throws -> Int? {
    let root = FileManager.default.temporaryDirectory.appending(path: "cgroup-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: root) }
    for (path, text) in files {
      let file = root + path
      let folder = String(file[..<file.lastIndex(of: "/")!])
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try text.write(toFile: file, atomically: false, encoding: .utf8)
    }
    return MemoryBound.controlGroups(root: root)
  }

  @Test func theSmallestLimitOfTheGroupsCounts() throws {
    #expect(try bound([:]) == nil)
    #expect(try bound(["/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/memory.max": "max\n"]) == nil)
    #expect(
      try bound([
        "/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/memory.max": "2000\n",
        "/sys/fs/cgroup/a/memory.max": "1000\n",
      ]) == 1000)
    #expect(try bound(["/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "4096\n"]) == 4096)
    #expect(
      try bound([
        "/proc/self/cgroup": "5:cpu,memory:/docker/x\n0::/\n",
        "/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": "3000\n",
      ]) == 3000)
    #expect(  // in a container the path is that of the machine outside
      try bound([
        "/proc/self/cgroup": "5:memory:/docker/x\n", "/sys/fs/cgroup/memory/memory.limit_in_bytes": "5000\n",
      ]) == 5000)
    #expect(
      try bound([
        "/proc/self/cgroup": "5:memory:/x\n", "/sys/fs/cgroup/memory/x/memory.limit_in_bytes": "9223372036854771712\n",
      ]) == nil)
    #expect(try bound(["/proc/self/cgroup": "nonsense\n0::/x\n", "/sys/fs/cgroup/x/memory.max": "soon\n"]) == nil)
    #expect(MemoryBound.current() > 0)
  }

  @Test func theBoundLimitsWhatIsUsedAndKept() {
    let allocator = CachingAllocator(bound: 16 << 20)
    #expect(allocator.allocate(17 << 20) == nil)
    let blocks = (0..<3).map { _ in allocator.allocate(4 << 20)! }
    for block in blocks { allocator.deallocate(block, 4 << 20) }
    #expect(allocator.statistics.cached <= 8 << 20)
  }

  @Test func idleBlocksGoBack() {
    let allocator = CachingAllocator(bound: 1 << 30)
    let blocks = (0..<4).map { _ in allocator.allocate(1 << 20)! }
    for block in blocks { allocator.deallocate(block, 1 << 20) }
    allocator.releaseIdle()  // what has just been freed stays a while
    #expect(allocator.statistics.cached > 0)
    for _ in 0..<10 {  // one block is in use again and again
      let block = allocator.allocate(1 << 20)!
      allocator.deallocate(block, 1 << 20)
    }
    allocator.releaseIdle()
    #expect(allocator.statistics.cached == CachingAllocator.sizeClass(1 << 20).bytes)
    allocator.releaseIdle()
    #expect(allocator.statistics.cached == 0)
    #expect(allocator.statistics.active == 0)
  }
}
