import FlamebackCore
import FlamebackKernels
import FlamebackOps

/// What layers that pad share.
public class PaddingLayer: Module, UnaryLayer {
  /// Before and after the last dimension, then the one before it, …
  public let padding: [Int]

  init(_ dims: Int, _ padding: any Sizes) {
    let given = padding.sizes
    self.padding = given.count == 1 ? Array(repeating: given[0], count: 2 * dims) : given
    super.init()
    if self.padding.count != 2 * dims {
      report(OpError(typeName, "expected one number or \(2 * dims), got \(given)"))
    }
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call(x) { pad($0) } }
  func pad(_ x: Tensor) -> Tensor { x }

  public override var extraRepr: String { repr(padding) }
}

/// Pads sequences with one value. SeeAlso: torch.nn.ConstantPad1d
public final class ConstantPad1d: PaddingLayer {
  public let value: Double

  public init(_ padding: any Sizes, _ value: Double) {
    self.value = value
    super.init(1, padding)
  }

  override func pad(_ x: Tensor) -> Tensor { x.constantPad(padding, value: .float(value)) }

  public override var extraRepr: String { "padding=\(repr(padding)), value=\(repr(value))" }
}

/// Pads images with one value. SeeAlso: torch.nn.ConstantPad2d
public final class ConstantPad2d: PaddingLayer {
  public let value: Double

  public init(_ padding: any Sizes, _ value: Double) {
    self.value = value
    super.init(2, padding)
  }

  override func pad(_ x: Tensor) -> Tensor { x.constantPad(padding, value: .float(value)) }

  public override var extraRepr: String { "padding=\(repr(padding)), value=\(repr(value))" }
}

/// Pads volumes with one value. SeeAlso: torch.nn.ConstantPad3d
public final class ConstantPad3d: PaddingLayer {
  public let value: Double

  public init(_ padding: any Sizes, _ value: Double) {
    self.value = value
    super.init(3, padding)
  }

  override func pad(_ x: Tensor) -> Tensor { x.constantPad(padding, value: .float(value)) }

  public override var extraRepr: String { "padding=\(repr(padding)), value=\(repr(value))" }
}

/// Pads sequences with zeros. SeeAlso: torch.nn.ZeroPad1d
public final class ZeroPad1d: PaddingLayer {
  public init(_ padding: any Sizes) { super.init(1, padding) }
  override func pad(_ x: Tensor) -> Tensor { x.constantPad(padding) }
}

/// Pads images with zeros. SeeAlso: torch.nn.ZeroPad2d
public final class ZeroPad2d: PaddingLayer {
  public init(_ padding: any Sizes) { super.init(2, padding) }
  override func pad(_ x: Tensor) -> Tensor { x.constantPad(padding) }
}

/// Pads volumes with zeros. SeeAlso: torch.nn.ZeroPad3d
public final class ZeroPad3d: PaddingLayer {
  public init(_ padding: any Sizes) { super.init(3, padding) }
  override func pad(_ x: Tensor) -> Tensor { x.constantPad(padding) }
}

/// Pads sequences with the mirrored data. SeeAlso: torch.nn.ReflectionPad1d
public final class ReflectionPad1d: PaddingLayer {
  public init(_ padding: any Sizes) { super.init(1, padding) }
  override func pad(_ x: Tensor) -> Tensor { x.pad(padding, mode: .reflect) }
}

/// Pads images with the mirrored data. SeeAlso: torch.nn.ReflectionPad2d
public final class ReflectionPad2d: PaddingLayer {
  public init(_ padding: any Sizes) { super.init(2, padding) }
  override func pad(_ x: Tensor) -> Tensor { x.pad(padding, mode: .reflect) }
}

/// Pads volumes with the mirrored data. SeeAlso: torch.nn.ReflectionPad3d
public final class ReflectionPad3d: PaddingLayer {
  public init(_ padding: any Sizes) { super.init(3, padding) }
  override func pad(_ x: Tensor) -> Tensor { x.pad(padding, mode: .reflect) }
}

/// Pads sequences with the outermost data. SeeAlso: torch.nn.ReplicationPad1d
public final class ReplicationPad1d: PaddingLayer {
  public init(_ padding: any Sizes) { super.init(1, padding) }
  override func pad(_ x: Tensor) -> Tensor { x.pad(padding, mode: .replicate) }
}

/// Pads images with the outermost data. SeeAlso: torch.nn.ReplicationPad2d
public final class ReplicationPad2d: PaddingLayer {
  public init(_ padding: any Sizes) { super.init(2, padding) }
  override func pad(_ x: Tensor) -> Tensor { x.pad(padding, mode: .replicate) }
}

/// Pads volumes with the outermost data. SeeAlso: torch.nn.ReplicationPad3d
public final class ReplicationPad3d: PaddingLayer {
  public init(_ padding: any Sizes) { super.init(3, padding) }
  override func pad(_ x: Tensor) -> Tensor { x.pad(padding, mode: .replicate) }
}

/// Pads sequences with the data of the other side. SeeAlso: torch.nn.CircularPad1d
public final class CircularPad1d: PaddingLayer {
  public init(_ padding: any Sizes) { super.init(1, padding) }
  override func pad(_ x: Tensor) -> Tensor { x.pad(padding, mode: .circular) }
}

/// Pads images with the data of the other side. SeeAlso: torch.nn.CircularPad2d
public final class CircularPad2d: PaddingLayer {
  public init(_ padding: any Sizes) { super.init(2, padding) }
  override func pad(_ x: Tensor) -> Tensor { x.pad(padding, mode: .circular) }
}

/// Pads volumes with the data of the other side. SeeAlso: torch.nn.CircularPad3d
public final class CircularPad3d: PaddingLayer {
  public init(_ padding: any Sizes) { super.init(3, padding) }
  override func pad(_ x: Tensor) -> Tensor { x.pad(padding, mode: .circular) }
}
