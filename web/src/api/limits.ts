/** Written by `make types` from the API document. */
export const limits = {
  title: {
    minLength: 1,
    maxLength: 200,
  },
  description: {
    maxLength: 20000,
  },
  venue: {
    minLength: 1,
    maxLength: 200,
  },
  timezone: {
    maxLength: 100,
  },
  hold_seconds: {
    min: 1,
    max: 7200,
  },
  max_seats_per_order: {
    min: 1,
    max: 50,
  },
  max_seats_per_buyer: {
    min: 1,
    max: 1000,
  },
  area_name: {
    minLength: 1,
    maxLength: 100,
  },
  area_capacity: {
    min: 1,
    max: 100000,
  },
} as const;

export const currencies =
  'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAD XAF XCD XCG XOF XPF YER ZAR ZMW ZWG'.split(
    ' ',
  );
