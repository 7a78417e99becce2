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
