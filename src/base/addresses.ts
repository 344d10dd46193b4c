/** One e-mail address in the dot-string form of RFC 5321 §4.1.2, in ASCII, at most 254 characters (RFC 3696 erratum 1690). */
export const emailForm =
  /^(?=.{1,254}$)(?=[^@]{1,64}@)[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/;

/** A phone number in E.164, with its plus sign. */
export const phoneForm = /^\+[1-9][0-9]{6,14}$/;
