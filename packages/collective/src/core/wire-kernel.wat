;; bf16, eight floats at a time; the definition is in wire.ts. Compiled into wire-kernel-code.ts by `npm run kernels`.
(module
  (import "host" "memory" (memory 1))

  ;; Rounds the floats from $floats to $end in place, at least eight, in eights: fp32 bits to the nearest with zeros in the lower
  ;; half, ties to even; NaN becomes quiet and keeps its upper half. Written out for either four, here and below: a function
  ;; of its own would be called.
  (func (export "round") (param $floats i32) (param $end i32)
    (local $a v128) (local $b v128) (local $bias v128) (local $one v128) (local $quiet v128) (local $mask v128)
    (local.set $bias (v128.const i32x4 0x7fff 0x7fff 0x7fff 0x7fff))
    (local.set $one (v128.const i32x4 1 1 1 1))
    (local.set $quiet (v128.const i32x4 0x400000 0x400000 0x400000 0x400000))
    (local.set $mask (v128.const i32x4 0xffff0000 0xffff0000 0xffff0000 0xffff0000))
    (loop $next
      (local.set $a (v128.load (local.get $floats)))
      (local.set $b (v128.load offset=16 (local.get $floats)))
      (v128.store (local.get $floats) (v128.and (local.get $mask) (v128.bitselect
        (i32x4.add (i32x4.add (local.get $a) (local.get $bias))
          (v128.and (i32x4.shr_u (local.get $a) (i32.const 16)) (local.get $one)))
        (v128.or (local.get $a) (local.get $quiet))
        (f32x4.eq (local.get $a) (local.get $a)))))
      (v128.store offset=16 (local.get $floats) (v128.and (local.get $mask) (v128.bitselect
        (i32x4.add (i32x4.add (local.get $b) (local.get $bias))
          (v128.and (i32x4.shr_u (local.get $b) (i32.const 16)) (local.get $one)))
        (v128.or (local.get $b) (local.get $quiet))
        (f32x4.eq (local.get $b) (local.get $b)))))
      (br_if $next (i32.lt_u
        (local.tee $floats (i32.add (local.get $floats) (i32.const 32)))
        (local.get $end)))))

  ;; The floats of the halves from $packed on, into those from $floats to $end. At least eight, in eights.
  (func (export "unpack") (param $floats i32) (param $end i32) (param $packed i32)
    (local $halves v128)
    (loop $next
      (local.set $halves (v128.load (local.get $packed)))
      (v128.store (local.get $floats) (i32x4.shl (i32x4.extend_low_i16x8_u (local.get $halves)) (i32.const 16)))
      (v128.store offset=16 (local.get $floats)
        (i32x4.shl (i32x4.extend_high_i16x8_u (local.get $halves)) (i32.const 16)))
      (local.set $packed (i32.add (local.get $packed) (i32.const 16)))
      (br_if $next (i32.lt_u
        (local.tee $floats (i32.add (local.get $floats) (i32.const 32)))
        (local.get $end)))))

  ;; The halves of the floats from $floats to $end, rounded as above, from $packed on. At least eight, in eights.
  (func (export "pack") (param $floats i32) (param $end i32) (param $packed i32)
    (local $a v128) (local $b v128) (local $bias v128) (local $one v128) (local $quiet v128)
    (local.set $bias (v128.const i32x4 0x7fff 0x7fff 0x7fff 0x7fff))
    (local.set $one (v128.const i32x4 1 1 1 1))
    (local.set $quiet (v128.const i32x4 0x400000 0x400000 0x400000 0x400000))
    (loop $next
      (local.set $a (v128.load (local.get $floats)))
      (local.set $b (v128.load offset=16 (local.get $floats)))
      (local.set $a (v128.bitselect
        (i32x4.add (i32x4.add (local.get $a) (local.get $bias))
          (v128.and (i32x4.shr_u (local.get $a) (i32.const 16)) (local.get $one)))
        (v128.or (local.get $a) (local.get $quiet))
        (f32x4.eq (local.get $a) (local.get $a))))
      (local.set $b (v128.bitselect
        (i32x4.add (i32x4.add (local.get $b) (local.get $bias))
          (v128.and (i32x4.shr_u (local.get $b) (i32.const 16)) (local.get $one)))
        (v128.or (local.get $b) (local.get $quiet))
        (f32x4.eq (local.get $b) (local.get $b))))
      (v128.store (local.get $packed)
        (i8x16.shuffle 2 3 6 7 10 11 14 15 18 19 22 23 26 27 30 31 (local.get $a) (local.get $b)))
      (local.set $packed (i32.add (local.get $packed) (i32.const 16)))
      (br_if $next (i32.lt_u
        (local.tee $floats (i32.add (local.get $floats) (i32.const 32)))
        (local.get $end)))))

  ;; The sums of two vectors of halves, into the floats from $floats to $end. At least eight, in eights.
  (func (export "addPacked") (param $floats i32) (param $end i32) (param $left i32) (param $right i32)
    (local $a v128) (local $b v128)
    (loop $next
      (local.set $a (v128.load (local.get $left)))
      (local.set $b (v128.load (local.get $right)))
      (v128.store (local.get $floats) (f32x4.add
        (i32x4.shl (i32x4.extend_low_i16x8_u (local.get $a)) (i32.const 16))
        (i32x4.shl (i32x4.extend_low_i16x8_u (local.get $b)) (i32.const 16))))
      (v128.store offset=16 (local.get $floats) (f32x4.add
        (i32x4.shl (i32x4.extend_high_i16x8_u (local.get $a)) (i32.const 16))
        (i32x4.shl (i32x4.extend_high_i16x8_u (local.get $b)) (i32.const 16))))
      (local.set $left (i32.add (local.get $left) (i32.const 16)))
      (local.set $right (i32.add (local.get $right) (i32.const 16)))
      (br_if $next (i32.lt_u
        (local.tee $floats (i32.add (local.get $floats) (i32.const 32)))
        (local.get $end)))))

  ;; Adds the floats of the halves from $packed on to those from $floats to $end. At least eight, in eights.
  (func (export "accumulate") (param $floats i32) (param $end i32) (param $packed i32)
    (local $halves v128)
    (loop $next
      (local.set $halves (v128.load (local.get $packed)))
      (v128.store (local.get $floats) (f32x4.add
        (v128.load (local.get $floats))
        (i32x4.shl (i32x4.extend_low_i16x8_u (local.get $halves)) (i32.const 16))))
      (v128.store offset=16 (local.get $floats) (f32x4.add
        (v128.load offset=16 (local.get $floats))
        (i32x4.shl (i32x4.extend_high_i16x8_u (local.get $halves)) (i32.const 16))))
      (local.set $packed (i32.add (local.get $packed) (i32.const 16)))
      (br_if $next (i32.lt_u
        (local.tee $floats (i32.add (local.get $floats) (i32.const 32)))
        (local.get $end))))))
