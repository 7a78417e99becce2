import Flameback
import FlamebackCore
import FlamebackTesting
import Testing

@Suite(.serialized) struct MirrorTests {
  init() { MirrorBackend.register(count: 2) }

  @Test func computesWhereTheInputsLie() throws {
    let x = Tensor([1.0, 2, 3], shape: [3]).to(.mirror())
    let y = try withErrors { (x + x).exp() }
    #expect(y.device == .mirror(0))
    #expect(y.scalars(Double.self).map { $0.rounded() } == [7, 55, 403])
  }

  @Test func gradientsStayOnTheDevice() throws {
    let x = Tensor([1.0, 2], shape: [2], device: .mirror(1), requiresGrad: true)
    try withErrors { (x * x).backward(gradient: Tensor([1.0, 10], shape: [2], device: .mirror(1))) }
    #expect(x.grad?.device == .mirror(1))
    #expect(x.grad?.scalars(Double.self) == [2, 40])
  }

  @Test func mixedDevicesAreAnError() {
    let a = Tensor([1.0], shape: [1], device: .mirror(0))
    let b = Tensor([1.0], shape: [1], device: .mirror(1))
    #expect(throws: OpError.self) { try withErrors { a + b } }
    #expect(throws: OpError.self) { try withErrors { a + Tensor([1.0], shape: [1]) } }
  }

  @Test func scalarsOnTheHostFollow() throws {
    let a = Tensor([1.0, 2], shape: [2], device: .mirror(0))
    let sum = try withErrors { a + Tensor([3.0], shape: []) }
    #expect(sum.scalars(Double.self) == [4, 5])
  }

  @Test func missingKernelsFallBack() throws {
    let backend = MirrorBackend(missing: ["exp"])
    Backends.shared.register(backend, for: .mirror(5))
    defer { Backends.shared.unregister(.mirror(5)) }
    let y = try withErrors { Tensor([0.0], shape: [1], device: .mirror(5)).exp() }
    #expect(y.device == .mirror(5))
    #expect(y.scalars(Double.self) == [1])
    #expect(!backend.operations.contains("exp"))
  }

  @Test func memoryIsGivenBackAndFinite() throws {
    let backend = MirrorBackend(capacity: 1024)
    Backends.shared.register(backend, for: .mirror(6))
    defer { Backends.shared.unregister(.mirror(6)) }
    do {
      let x = Tensor([Double](repeating: 1, count: 64), shape: [64], device: .mirror(6))
      #expect(backend.memoryInUse == 512)
      let error = #expect(throws: OpError.self) { try withErrors { (x + x) * x } }
      #expect(error?.message.contains("out of memory") == true)
    }
    #expect(backend.memoryInUse == 0)
  }

  @Test func hostCodeCannotTouchItsMemory() async {
    await #expect(processExitsWith: .failure) {
      MirrorBackend.register()
      let x = Tensor([1.0], shape: [1]).to(.mirror())
      print(x.hostAddressForTests.load(as: Double.self))  // printed, or the optimiser leaves the load away
    }
  }
}

extension Tensor {
  /// The first byte, wherever it lies.
  fileprivate var hostAddressForTests: UnsafeMutableRawPointer { hostView.pointer }
}
