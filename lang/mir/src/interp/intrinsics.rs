//! The intrinsics.

use crate::body::Operand;
use crate::intrinsic::Intrinsic;

use super::Machine;
use super::show;
use super::value::{Chan, Fault, Object, Value};

/// A result, or the message of a panic.
pub(super) type Answer = Result<Value, String>;

fn flag(value: bool) -> Value {
    Value::Int(i128::from(value))
}

fn number(value: &Value) -> Result<i128, Fault> {
    match value {
        Value::Int(value) => Ok(*value),
        other => Err(format!("{other:?} is no integer")),
    }
}

fn float(value: &Value) -> Result<f64, Fault> {
    match value {
        Value::F64(value) => Ok(*value),
        other => Err(format!("{other:?} is no f64")),
    }
}

fn character(value: &Value) -> Result<char, Fault> {
    let code = number(value)?;
    u32::try_from(code).ok().and_then(char::from_u32).ok_or_else(|| format!("{code} is no char"))
}

/// SplitMix64's mixing step.
fn mix(hash: u64, word: u64) -> u64 {
    let mut x = hash.rotate_left(23) ^ word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ (x >> 31)
}

impl Machine<'_> {
    /// Evaluates the operands, does it, and drops what it took over and did not keep.
    pub(super) fn intrinsic(
        &mut self,
        intrinsic: Intrinsic,
        operands: &[Operand],
    ) -> Result<Answer, Fault> {
        let args = self.operands(operands)?;
        debug_assert_eq!(args.len(), intrinsic.info().params.len());
        use Intrinsic as I;
        let int = |index: usize| number(&args[index]);
        let answer = match intrinsic {
            I::StrPush => self.append(&args, |m, args| Ok(m.heap.str(&args[1])?.to_owned()))?,
            I::StrPushI64 | I::StrPushU64 => {
                self.append(&args, |_, args| Ok(number(&args[1])?.to_string()))?
            }
            I::StrPushF64 | I::StrPushF32 => self.append(&args, |_, args| match &args[1] {
                Value::F32(value) => Ok(show::f32(*value)),
                value => Ok(show::f64(float(value)?)),
            })?,
            I::StrPushBool => {
                self.append(&args, |_, args| Ok((number(&args[1])? != 0).to_string()))?
            }
            I::StrPushChar => self.append(&args, |_, args| Ok(character(&args[1])?.to_string()))?,
            I::StrPushCharQuoted => {
                self.append(&args, |_, args| Ok(show::quoted_char(character(&args[1])?)))?
            }
            I::StrPushQuoted => {
                self.append(&args, |m, args| Ok(show::quoted(m.heap.str(&args[1])?)))?
            }
            I::StrPushDuration => {
                self.append(&args, |_, args| Ok(show::duration(number(&args[1])? as i64)))?
            }
            I::StrPushInstant => {
                self.append(&args, |_, args| Ok(show::instant(number(&args[1])? as i64)))?
            }
            I::StrLen => Value::Int(self.heap.str(&args[0])?.len() as i128),
            I::StrByte => {
                let bytes = self.heap.str(&args[0])?.as_bytes();
                let byte = usize::try_from(int(1)?).ok().and_then(|at| bytes.get(at));
                Value::Int(i128::from(*byte.ok_or("byte out of range")?))
            }
            I::StrCompare => {
                let order = self.heap.str(&args[0])?.cmp(self.heap.str(&args[1])?);
                Value::Int(order as i128)
            }
            I::StrEqual => flag(self.heap.str(&args[0])? == self.heap.str(&args[1])?),
            I::StrHash => {
                let bytes = self.heap.str(&args[0])?.bytes();
                let hash = bytes.fold(int(1)? as u64, |hash, byte| mix(hash, byte.into()));
                Value::Int(hash.into())
            }
            I::StrSlice => {
                let text = self.heap.str(&args[0])?;
                match slice_str(text, int(1)?, int(2)?) {
                    Ok(part) => {
                        let part = part.to_owned();
                        self.heap.new_str(part)
                    }
                    Err(message) => return Ok(Err(message)),
                }
            }
            I::StrCharAt => {
                let text = self.heap.str(&args[0])?;
                let at = usize::try_from(int(1)?).unwrap_or(usize::MAX);
                let c = text.get(at..).and_then(|rest| rest.chars().next());
                Value::Int(u32::from(c.ok_or("no character begins there")?).into())
            }
            I::CharUtf8Len => Value::Int(character(&args[0])?.len_utf8() as i128),
            I::StrFind => {
                let (text, part) = (self.heap.str(&args[0])?, self.heap.str(&args[1])?);
                let from = usize::try_from(int(2)?).unwrap_or(0);
                let rest = text.as_bytes().get(from..);
                let found = rest.and_then(|rest| {
                    (0..=rest.len()).find(|at| rest[*at..].starts_with(part.as_bytes()))
                });
                Value::Int(found.map_or(-1, |at| (from + at) as i128))
            }
            I::StrConcat => {
                let mut text = String::new();
                for part in self.heap.list(&args[0])? {
                    text.push_str(self.heap.str(part)?);
                }
                self.heap.new_str(text)
            }
            I::StrFromChars => {
                let chars = self.heap.list(&args[0])?;
                let text = chars.iter().map(character).collect::<Result<String, _>>()?;
                self.heap.new_str(text)
            }
            I::StrFromBytes => match String::from_utf8(self.bytes(&args[0])?) {
                Ok(text) => self.heap.new_str(text),
                Err(error) => {
                    let at = error.utf8_error().valid_up_to();
                    return Ok(Err(format!("the bytes are not UTF-8 from byte {at} on")));
                }
            },
            I::StrValid => flag(String::from_utf8(self.bytes(&args[0])?).is_ok()),
            I::StrTrim => self.transform(&args[0], |text| text.trim().to_owned())?,
            I::StrUpper => self.transform(&args[0], str::to_uppercase)?,
            I::StrLower => self.transform(&args[0], str::to_lowercase)?,
            I::StrIsFloat => flag(parse_float(self.heap.str(&args[0])?).is_some()),
            I::StrToFloat => Value::F64(parse_float(self.heap.str(&args[0])?).unwrap_or(0.0)),

            I::ListReserve => self.change_list(&args, |_| {})?,
            I::ListPush => {
                let value = args[1].clone();
                self.change_list(&args, |items| items.push(value))?
            }
            I::ListRepeat => {
                let count = usize::try_from(int(1)?).map_err(|_| "negative repeat")?;
                for _ in 1..count {
                    self.heap.retain(&args[0])?;
                }
                if count == 0 {
                    self.heap.release(args[0].clone())?;
                }
                self.heap.new_object(Object::List(vec![args[0].clone(); count]))
            }
            I::ListOpenGap => {
                let at = int(1)? as usize;
                self.change_list(&args, |items| items.insert(at, Value::Dummy))?
            }
            I::ListCloseGap => {
                let at = int(1)? as usize;
                self.change_list(&args, |items| {
                    items.remove(at);
                })?
            }
            I::ListTruncate => {
                let len = usize::try_from(int(1)?).unwrap_or(0);
                let mut rest = Vec::new();
                let list = self.change_list(&args, |items| {
                    rest = items.split_off(len.min(items.len()));
                })?;
                rest.into_iter().try_for_each(|item| self.heap.release(item))?;
                list
            }
            I::ListSlice => {
                let items = self.heap.list(&args[0])?;
                let (from, to, len) = (int(1)?, int(2)?, items.len());
                if from < 0 || from > to || to > len as i128 {
                    let message = format!("range {from}..{to} is out of range for length {len}");
                    return Ok(Err(message));
                }
                let items = items[from as usize..to as usize].to_vec();
                items.iter().try_for_each(|item| self.heap.retain(item))?;
                self.heap.new_object(Object::List(items))
            }

            I::ChanNew => {
                let capacity = int(0)?;
                // The runtime's own limit is a matter of memory.
                if !(0..1 << 40).contains(&capacity) {
                    let what = if capacity < 0 { "negative" } else { "too large" };
                    let message = format!("the capacity {capacity} of a channel is {what}");
                    return Ok(Err(message));
                }
                let chan = Chan { capacity: capacity as usize, ..Chan::default() };
                self.heap.new_object(Object::Chan(chan))
            }
            I::ChanClose => {
                if !self.close(&args[0])? {
                    return Ok(Err("close of a closed channel".into()));
                }
                Value::Unit
            }
            I::ChanLen => Value::Int(self.chan(&args[0])?.buffer.len() as i128),
            I::ChanCap => Value::Int(self.chan(&args[0])?.capacity as i128),

            I::ScopeEnter => self.enter_scope(),
            I::CancelScope => {
                let current = self.current;
                self.cancel_scope(&args[0], Some(current))?;
                Value::Unit
            }
            I::RequestCancel => {
                if let Value::Task(id) = args[0] {
                    self.request_cancel(id)?;
                }
                Value::Unit
            }
            I::JoinCancelled => {
                flag(self.task().join_error.as_ref().is_some_and(|panic| panic.cancelled))
            }
            I::JoinMessage => {
                let text = self.task().join_error.take().map_or(String::new(), |p| p.message);
                self.heap.new_str(text)
            }
            I::TaskName => {
                let text = self.task().name.clone().unwrap_or_default();
                self.heap.new_str(text)
            }
            I::TaskId => Value::Int(i128::from(self.current)),

            I::GenGive => {
                if !self.give_yield(args[0].clone())? {
                    let message = "`@yield` in a generator that is being stopped";
                    return Ok(Err(message.into()));
                }
                Value::Unit
            }
            I::GenSend => {
                if !self.send_to_generator(&args[0], args[1].clone(), int(2)? != 0)? {
                    return Ok(Err("`send` to a generator before its first `next`".into()));
                }
                Value::Unit
            }
            I::GenResult => match self.generator_result(&args[0])? {
                Some(value) => value,
                None => {
                    let done = self.generator_is_done(&args[0])?;
                    let what = if done { "did not return" } else { "is not done" };
                    return Ok(Err(format!("`result` of a generator that {what}")));
                }
            },
            I::GenDone => flag(self.generator_is_done(&args[0])?),
            I::GenSave | I::GenLoad | I::GenLoadFailed | I::GenLoadMessage => {
                return Err("saving generators is not interpreted".into());
            }

            I::Print => {
                self.stdout += self.heap.str(&args[0])?;
                Value::Unit
            }
            I::EPrint => {
                self.stderr += self.heap.str(&args[0])?;
                Value::Unit
            }
            I::Now => Value::Int(i128::from(self.clock())),
            I::Args => {
                let args = self.args.clone();
                let items = args.into_iter().map(|arg| self.heap.new_str(arg)).collect();
                self.heap.new_object(Object::List(items))
            }
            I::EnvHas => flag(false),
            I::EnvGet => self.heap.new_str(String::new()),
            I::Exit => {
                self.exited = Some(int(0)? as i32);
                Value::Unit
            }
            I::RandomU64 => Value::Int(self.next_random().into()),
            I::HashSeed => Value::Int(0x0123_4567_89ab_cdef),
            I::HashMix => Value::Int(mix(int(0)? as u64, int(1)? as u64).into()),

            I::F64Bits => Value::Int(float(&args[0])?.to_bits().into()),
            I::F64FromBits => Value::F64(f64::from_bits(int(0)? as u64)),
            I::Sqrt => Value::F64(float(&args[0])?.sqrt()),
            I::Sin => Value::F64(float(&args[0])?.sin()),
            I::Cos => Value::F64(float(&args[0])?.cos()),
            I::Tan => Value::F64(float(&args[0])?.tan()),
            I::Asin => Value::F64(float(&args[0])?.asin()),
            I::Acos => Value::F64(float(&args[0])?.acos()),
            I::Atan => Value::F64(float(&args[0])?.atan()),
            I::Atan2 => Value::F64(float(&args[0])?.atan2(float(&args[1])?)),
            I::Exp => Value::F64(float(&args[0])?.exp()),
            I::Ln => Value::F64(float(&args[0])?.ln()),
            I::Log2 => Value::F64(float(&args[0])?.log2()),
            I::Log10 => Value::F64(float(&args[0])?.log10()),
            I::Pow => Value::F64(float(&args[0])?.powf(float(&args[1])?)),
            I::Floor => Value::F64(float(&args[0])?.floor()),
            I::Ceil => Value::F64(float(&args[0])?.ceil()),
            I::Round => Value::F64(float(&args[0])?.round()),
            I::Trunc => Value::F64(float(&args[0])?.trunc()),
        };
        Ok(Ok(answer))
    }

    /// The owned string of operand 0 with what `text` makes of the operands behind it.
    fn append(
        &mut self,
        args: &[Value],
        text: impl FnOnce(&Self, &[Value]) -> Result<String, Fault>,
    ) -> Result<Value, Fault> {
        let text = text(self, args)?;
        let value = match &args[0] {
            Value::Dummy => self.heap.new_str(String::new()),
            value => self.heap.make_unique(value.clone())?,
        };
        if let Value::Ref(r) = value
            && let Object::Str(target) = self.heap.get_mut(r)?
        {
            target.push_str(&text);
        }
        Ok(value)
    }

    fn transform(&mut self, value: &Value, f: impl FnOnce(&str) -> String) -> Result<Value, Fault> {
        let text = f(self.heap.str(value)?);
        Ok(self.heap.new_str(text))
    }

    /// The owned list of operand 0, unshared and changed.
    fn change_list(
        &mut self,
        args: &[Value],
        f: impl FnOnce(&mut Vec<Value>),
    ) -> Result<Value, Fault> {
        let value = match &args[0] {
            Value::Dummy => self.heap.new_object(Object::List(Vec::new())),
            value => self.heap.make_unique(value.clone())?,
        };
        if let Value::Ref(r) = value
            && let Object::List(items) = self.heap.get_mut(r)?
        {
            f(items);
        }
        Ok(value)
    }

    pub(super) fn bytes(&self, value: &Value) -> Result<Vec<u8>, Fault> {
        self.heap.list(value)?.iter().map(|item| Ok(number(item)? as u8)).collect()
    }

    /// Xorshift64*.
    pub(super) fn next_random(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

fn slice_str(text: &str, from: i128, to: i128) -> Result<&str, String> {
    let len = text.len();
    if from < 0 || from > to || to > len as i128 {
        return Err(format!("range {from}..{to} is out of range for length {len}"));
    }
    let (from, to) = (from as usize, to as usize);
    text.get(from..to).ok_or_else(|| {
        let cut = if text.is_char_boundary(from) { to } else { from };
        format!("byte {cut} of the string is inside a character")
    })
}

/// Sign, digits, point, exponent, or `inf`, `NaN`.
fn parse_float(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plain = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if plain || matches!(digits, "inf" | "NaN") { text.parse().ok() } else { None }
}
