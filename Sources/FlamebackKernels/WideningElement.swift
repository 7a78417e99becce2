/// An element and the type in which it is computed: 16-bit floats in Float.
protocol WideningElement {
  associatedtype Wide: WideValue
  var wide: Wide { get }
  init(wide: Wide)
}

/// A number in which kernels compute.
protocol WideValue {
  static var zero: Self { get }
  static func - (a: Self, b: Self) -> Self
  /// b + a x.
  static func fused(_ a: Self, _ x: Self, _ b: Self) -> Self
}

extension Float: WideningElement, WideValue {
  var wide: Float { self }
  init(wide: Float) { self = wide }
  static func fused(_ a: Float, _ x: Float, _ b: Float) -> Float { b + a * x }
}

extension Double: WideningElement, WideValue {
  var wide: Double { self }
  init(wide: Double) { self = wide }
  static func fused(_ a: Double, _ x: Double, _ b: Double) -> Double { b + a * x }
}

extension Float16: WideningElement {
  var wide: Float { Float(self) }
  init(wide: Float) { self = Float16(wide) }
}

extension BFloat16: WideningElement {
  var wide: Float { float }
  init(wide: Float) { self = BFloat16(wide) }
}

extension Complex: WideningElement, WideValue {
  var wide: Self { self }
  init(wide: Self) { self = wide }
  static var zero: Self { Self(0, 0) }
  static func - (a: Self, b: Self) -> Self { Self(a.real - b.real, a.imaginary - b.imaginary) }
  static func fused(_ a: Self, _ x: Self, _ b: Self) -> Self {
    Self(
      b.real + a.real * x.real - a.imaginary * x.imaginary, b.imaginary + a.real * x.imaginary + a.imaginary * x.real)
  }
}
