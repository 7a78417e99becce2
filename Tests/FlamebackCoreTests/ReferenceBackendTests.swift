import Flameback
import FlamebackCore
import FlamebackReference
import Synchronization
import Testing

/// What the contract of a backend promises, shown on the reference device.
@Suite struct ReferenceBackendTests {
  private static let numbers = Atomic<Int>(0)

  /// A device of its own for each test, for as long as `body` runs.
  private func withDevice<R>(
    capacity: Int = .max, missing: Set<String> = [], isStrict: Bool = true,
    _ body: (Device, ReferenceBackend) throws -> R
  ) rethrows -> R {
    let device = Device.reference(Self.numbers.add(1, ordering: .relaxed).newValue)
    let backend = ReferenceBackend(device, capacity: capacity, missing: missing, isStrict: isStrict)
    Backends.shared.register(backend)
    defer { Backends.shared.unregister(device) }
    return try body(device, backend)
  }

  /// The message of the error that `body` must end in.
  private func message(_ body: () throws -> Void) -> String {
    do { try withErrors(body) } catch { return "\(error)" }
    return "no error"
  }

  @Test func computesWhereTheInputsLie() throws {
    try withDevice { device, backend in
      let x = Tensor([1.0, 2, 3], shape: [3]).to(device)
      let y = try withErrors { (x + x).exp() }
      #expect(y.device == device)
      #expect(y.scalars(Double.self).map { $0.rounded() } == [7, 55, 403])
      #expect(backend.operations == ["add", "exp"])
    }
  }

  @Test func newTensorsAreMadeThere() throws {
    try withDevice { device, backend in
      try withErrors {
        #expect(Tensor.zeros(2, device: device).scalars(Float.self) == [0, 0])
        #expect(Tensor.arange(3, device: device).scalars(Int.self) == [0, 1, 2])
        #expect(Tensor.eye(2, device: device).scalars(Float.self) == [1, 0, 0, 1])
        let drawn = withGenerator(Generator(seed: 7)) { Tensor.randn([5], device: device) }
        let expected = withGenerator(Generator(seed: 7)) { Tensor.randn([5]) }
        #expect(drawn.scalars(Float.self) == expected.scalars(Float.self))
      }
      #expect(backend.operations.contains("full") && backend.operations.contains("random"))
    }
  }

  @Test func gradientsStayOnTheDevice() throws {
    try withDevice { device, _ in
      let x = Tensor([1.0, 2], shape: [2], device: device, requiresGrad: true)
      try withErrors { (x * x).backward(gradient: Tensor([1.0, 10], shape: [2], device: device)) }
      #expect(x.grad?.device == device)
      #expect(x.grad?.scalars(Double.self) == [2, 40])
    }
  }

  @Test func mixedDevicesAreAnError() {
    withDevice { first, _ in
      withDevice { second, _ in
        let a = Tensor([1.0], shape: [1], device: first)
        let b = Tensor([1.0], shape: [1], device: second)
        #expect(message { _ = a + b }.contains("tensors on different devices"))
        #expect(message { _ = a + Tensor([1.0], shape: [1]) }.contains("on cpu"))
      }
    }
  }

  @Test func scalarsOnTheHostFollow() throws {
    try withDevice { device, _ in
      let a = Tensor([1.0, 2], shape: [2], device: device)
      let sum = try withErrors { a + Tensor([3.0], shape: []) }
      #expect(sum.scalars(Double.self) == [4, 5])
      let value = try withErrors { Tensor([3.0], shape: []) + a }
      #expect(value.device == device)
    }
  }

  @Test func tensorsMoveBetweenDevices() throws {
    try withDevice { first, _ in
      try withDevice { second, _ in
        let a = Tensor([1.0, 2, 3, 4], shape: [2, 2], device: first, requiresGrad: true)
        let moved = try withErrors { a.transpose(0, 1)[1].to(second) }
        #expect(moved.device == second)
        #expect(moved.scalars(Double.self) == [2, 4])
        try withErrors { moved.sum().backward() }
        #expect(a.grad?.device == first)
        #expect(a.grad?.scalars(Double.self) == [0, 1, 0, 1])
      }
    }
  }

  @Test func hostStepsInOnlyWhereItMay() throws {
    try withDevice(missing: ["exp"], isStrict: false) { device, backend in
      let y = try withErrors { Tensor([0.0], shape: [1], device: device).exp() }
      #expect(y.device == device)
      #expect(y.scalars(Double.self) == [1])
      #expect(!backend.operations.contains("exp"))
    }
    withDevice(missing: ["exp"]) { device, _ in
      let text = message { _ = Tensor([0.0], shape: [1], device: device).exp() }
      #expect(text == "[exp] \(device) has no kernel for it, it has no decomposition, and the host must not step in")
    }
  }

  @Test func memoryIsGivenBackAndFinite() throws {
    try withDevice(capacity: 1024) { device, backend in
      do {
        let x = Tensor([Double](repeating: 1, count: 64), shape: [64], device: device)
        #expect(backend.memoryStatistics.allocated == 512)
        let text = message { _ = (x + x) * x }
        #expect(text.hasPrefix("[mul] out of memory: cannot allocate 512 bytes, 1024 of 1024 are in use"))
        let value = try withErrors { x + x }  // it goes on
        #expect(value.scalars(Double.self)[0] == 2)
      }
      #expect(device.memoryStatistics?.allocated == 0)
      try device.synchronize()
      #expect(backend.memoryStatistics.reserved > 0)
      device.emptyCache()
      #expect(device.memoryStatistics?.reserved == 0)
      #expect(device.memoryStatistics?.peak == 1024)
    }
  }

  @Test func lostAndBusyDevicesSaySo() throws {
    try withDevice { device, backend in
      let x = Tensor([1.0], shape: [1], device: device)
      backend.setBusy(true)
      #expect(message { _ = x + x }.contains("busy"))
      backend.setBusy(false)
      let value = try withErrors { x + x }
      #expect(value.scalars(Double.self) == [2])
      backend.lose()
      #expect(message { _ = x + x } == "[add] the device is lost, and all tensors on it (\(device)) for float64 [1]")
      #expect(message { _ = x.cpu() }.contains("lost"))
    }
  }

  /// A mask whose places cannot be found has stand-ins for them; the index expression must not count on their shape.
  @Test func masksOfALostDeviceAreAnError() {
    withDevice { device, backend in
      let x = Tensor([1.0, 2, 3, 4], shape: [2, 2], device: device)
      let mask = Tensor([true, false, true, false], shape: [2, 2], device: device)
      backend.lose()
      #expect(message { _ = x[mask] as Tensor }.contains("the device is lost"))
    }
  }

  @Test func errorsOfQueuedKernelsNameTheOperation() throws {
    try withDevice { device, backend in
      let x = Tensor([1.0, 2], shape: [2], device: device)
      backend.failNext("mul")
      let text = message {
        let y = x * x  // queued
        _ = (y + x).scalars(Double.self)
      }
      #expect(text == "[mul] the kernel failed (\(device))")
      let value = try withErrors { x * x }
      #expect(value.scalars(Double.self) == [1, 4])
    }
  }

  @Test func wrongIndicesComeToLightAtTheNextSynchronisation() throws {
    withDevice { device, _ in
      let x = Tensor([1.0, 2], shape: [2], device: device)
      let text = message {
        _ = x.gather(dim: 0, index: Tensor([5], shape: [1], device: device))
        try device.synchronize()
      }
      #expect(text.hasPrefix("[gather] index 5 is out of bounds for dim 0 of size 2"))
    }
  }

  @Test func eventsBelongToTheirDevice() throws {
    try withDevice { first, _ in
      try withDevice { second, _ in
        let event = try first.recordEvent()!
        try first.wait(for: event)
        try event.synchronize()
        #expect(event.isComplete)
        #expect(message { try second.wait(for: event) }.contains("the event is of \(first)"))
      }
    }
    #expect(try Device.cpu.recordEvent() == nil)
  }

  @Test func hostCodeCannotReadItsMemory() {
    withDevice { device, _ in
      let x = Tensor([1.0], shape: [1]).to(device)
      #expect(message { _ = x.body.storage.address }.contains("memory of \(device) cannot be read by the host"))
    }
  }

  @Test func kindsAreOpen() throws {
    let kind = Device.Kind("abacus")
    #expect(Device.Kind("abacus") == kind)
    #expect(try Device("abacus:3") == Device(kind, 3))
    #expect(!Device(kind).isAvailable)
    #expect(message { _ = Tensor.zeros(1, device: Device(kind)) }.contains("device abacus:0 is not available"))
    #expect(throws: OpError.self) { try Device("sliderule") }
  }
}
