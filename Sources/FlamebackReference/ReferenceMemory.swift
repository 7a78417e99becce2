import FlamebackCore
import FlamebackKernels
import Synchronization

/// The memory of a reference device: blocks with numbers of their own. An address is the block's number and, in its lower
/// 40 bits, the byte within it.
final class ReferenceMemory: Sendable {
  private struct Block: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer
  }

  private struct State {
    var blocks: [UInt64: Block] = [:]
    var kept: [Int: [Block]] = [:]
    var next: UInt64 = 1
    var statistics = MemoryStatistics()
  }

  private let device: Device
  private let capacity: Int
  private let state = Mutex(State())

  init(_ device: Device, capacity: Int) {
    self.device = device
    self.capacity = capacity
  }

  deinit {
    emptyCache()
    state.withLock { state in for block in state.blocks.values { block.bytes.deallocate() } }
  }

  var statistics: MemoryStatistics { state.withLock { $0.statistics } }

  func allocate(_ byteCount: Int) throws(DeviceError) -> DeviceAddress {
    let address = state.withLock { state -> DeviceAddress? in
      let room = capacity - state.statistics.allocated
      guard byteCount <= room else { return nil }
      let size = max(byteCount, 1)
      let block: Block
      if let known = state.kept[size]?.popLast() {
        block = known
      } else {
        block = Block(bytes: .allocate(byteCount: size, alignment: 64))
        state.statistics.reserved += size
      }
      let number = state.next
      state.next += 1
      state.blocks[number] = block
      state.statistics.allocated += byteCount
      state.statistics.peak = max(state.statistics.peak, state.statistics.allocated)
      return DeviceAddress(number << 40)
    }
    guard let address else {
      let taken = statistics.allocated
      throw DeviceError(
        .outOfMemory, device, "out of memory: cannot allocate \(byteCount) bytes, \(taken) of \(capacity) are in use")
    }
    return address
  }

  /// Counts memory as free although work that reads it may be queued still.
  func count(freed byteCount: Int) { state.withLock { $0.statistics.allocated -= byteCount } }

  /// Takes a block back; what it held is overwritten, so that nobody reads it unnoticed.
  func release(_ address: DeviceAddress) {
    state.withLock { state in
      guard let block = state.blocks.removeValue(forKey: address.bits >> 40) else { return }
      block.bytes.initializeMemory(as: UInt8.self, repeating: 0xAB)
      state.kept[block.bytes.count, default: []].append(block)
    }
  }

  func emptyCache() {
    state.withLock { state in
      for block in state.kept.values.joined() {
        state.statistics.reserved -= block.bytes.count
        block.bytes.deallocate()
      }
      state.kept = [:]
    }
  }

  /// The bytes of a block from an address on.
  private func bytes(from address: DeviceAddress) -> UnsafeMutableRawBufferPointer {
    guard let block = state.withLock({ $0.blocks[address.bits >> 40] }) else {
      preconditionFailure("\(device): no block of memory has the address \(address.bits)")
    }
    let offset = min(Int(address.bits & 0xFF_FFFF_FFFF), block.bytes.count)  // an empty view may begin anywhere
    return UnsafeMutableRawBufferPointer(rebasing: block.bytes[offset...])
  }

  func write(_ source: [UInt8], at address: DeviceAddress) {
    source.withUnsafeBytes { bytes(from: address).copyMemory(from: $0) }
  }

  func read(_ address: DeviceAddress, into target: UnsafeMutableRawBufferPointer) {
    target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes(from: address)[..<target.count]))
  }

  func copy(_ source: DeviceAddress, to target: DeviceAddress, _ count: Int) {
    bytes(from: target).copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes(from: source)[..<count]))
  }

  /// An operand as the kernels read and write it.
  func array(_ view: DeviceView) -> ReferenceArray {
    let bytes = bytes(from: view.address)
    let layout = Layout(shape: view.shape, strides: view.strides)
    let range = layout.storageRange
    precondition(
      view.elementCount == 0 || (range.lowerBound >= 0 && range.upperBound * view.dtype.byteSize <= bytes.count),
      "\(device): a view reaches beyond its block of memory")
    return ReferenceArray(base: bytes.baseAddress!, dtype: view.dtype, shape: view.shape, strides: view.strides)
  }
}
